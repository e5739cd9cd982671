/**
 * How a host expression may continue, for the shells' completions. Nothing is offered that would need a shell's
 * quotes, whoever has named it: keys and values of tags are what agents claim (T78).
 */
import type { FleetWords } from "../../controller/inventory/fleet-words.ts";
import { RESERVED_KEYS } from "../../core/hosts/tag-term.ts";
import { isPlainTag } from "../../core/tags.ts";

/** What may stand for hosts besides their names; anything that ends in "=" or "<" takes a value. */
const STATES = ["@all", "@stale", "@expiring=", "@failed=", "@missed=", "@version<"] as const;

/** The sources of the words: each is read only if a word that was typed can continue with it. */
export interface Sources {
  /** The names of the registered hosts. */
  names(): Promise<readonly string[]>;
  /** As they are typed: `@@frontends`; none that needs quotes. */
  groups(): Promise<readonly string[]>;
  facts(): Promise<FleetWords>;
  /** Their ids, the newest first. */
  runs(which: "failed" | "missed"): Promise<readonly string[]>;
}

/**
 * Each is a whole expression: what was typed before its last term, and a term that begins like the last one.
 *
 * @param typed as it is on the command line, with the quote that it may begin with
 */
export async function completedHosts(typed: string, sources: Sources): Promise<string[]> {
  const text = unquoted(typed);
  const begin = lastTerm(text);
  if (begin === undefined) return [];
  const before = text.slice(0, begin);
  const term = text.slice(begin);
  const words = await wordsLike(term, followsTag(before), sources);
  return words.filter((word) => word.startsWith(term)).map((word) => before + word);
}

/** @param inTag whether it may be a further condition of a tag term */
async function wordsLike(term: string, inTag: boolean, sources: Sources): Promise<string[]> {
  const [, at = "", key = "", operator] = /^(@?)([^@=!<>]+)(!?=|[<>]=?)/.exec(term) ?? [];
  if (operator !== undefined) {
    if (at === "" && !inTag) return [];
    return (await valuesOf(key, operator, sources)).map((value) => at + key + operator + value);
  }
  // If nothing was typed, no words are shown: mostly names are meant.
  if (!term.startsWith("@")) {
    const names = await sources.names();
    return inTag ? [...names, ...(await keys(sources))] : [...names];
  }
  const tags = term.startsWith("@@") ? [] : (await keys(sources)).map((word) => `@${word}`);
  return [...STATES, ...tags, ...(await sources.groups())];
}

async function keys(sources: Sources): Promise<string[]> {
  const { tags } = await sources.facts();
  return [...tags.keys()]
    .filter((key) => isPlainTag(key) && !RESERVED_KEYS.includes(key))
    .sort()
    .map((key) => `${key}=`);
}

async function valuesOf(
  key: string,
  operator: string,
  sources: Sources,
): Promise<readonly string[]> {
  if ((key === "failed" || key === "missed") && operator === "=") return await sources.runs(key);
  const isVersion = key === "version" && operator !== "!=";
  if (!isVersion && (RESERVED_KEYS.includes(key) || !operator.endsWith("="))) return [];
  const { tags, versions } = await sources.facts();
  const values = isVersion ? versions : (tags.get(key) ?? []);
  return [...values].filter(isPlainTag).sort();
}

/** Without the quotes and backslashes of a shell. */
export function unquoted(typed: string): string {
  const [, quote, quoted = ""] = /^(["'])(.*)$/s.exec(typed) ?? [];
  if (quote === undefined) return typed.replaceAll(/\\(.)/gs, "$1");
  return quoted.endsWith(quote) ? quoted.slice(0, -1) : quoted;
}

/** The `!` of `!=` is not an operator between two hosts. */
const LAST_TERM = /(?:[,&(\s]|!(?!=))((?:[^,&!()\s]|!=)*)$/;

/** Where it begins; undefined inside brackets, where there are only numbers. */
function lastTerm(text: string): number | undefined {
  if (text.lastIndexOf("[") > text.lastIndexOf("]")) return undefined;
  const [, term] = LAST_TERM.exec(text) ?? [];
  return term === undefined ? 0 : text.length - term.length;
}

/** Whether the text ends with a comma after a tag term: `@role=db,` may continue with a host, or with `env=test`. */
function followsTag(text: string): boolean {
  let before = text;
  while (before.endsWith(",")) {
    const end = before.slice(0, -1);
    const begin = lastTerm(end) ?? 0;
    const [, at, key = ""] = /^(@?)([^@=!<>]+)!?=./.exec(end.slice(begin)) ?? [];
    if (at === "@") return !RESERVED_KEYS.includes(key);
    if (at === undefined) return false;
    before = end.slice(0, begin);
  }
  return false;
}
