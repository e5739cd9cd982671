/**
 * Reads the terms about what a host is: `@role=db,env!=test` by its tags, `@version<1.1` by the program that it runs.
 * Like the rest of the grammar, this looks nothing up (T76).
 */
import { TAG_KEY } from "../tags.ts";
import { parseVersion, type Version } from "../version-order.ts";

/** One of the conditions of a tag term; all of them must hold. */
export interface TagCondition {
  readonly key: string;
  readonly value: string;
  /** `key!=value` */
  readonly not: boolean;
}

export const VERSION_OPERATORS = ["<=", ">=", "<", ">", "="] as const;
export type VersionOperator = (typeof VERSION_OPERATORS)[number];

export type FactTerm =
  | { readonly kind: "tags"; readonly conditions: readonly TagCondition[] }
  | { readonly kind: "version"; readonly operator: VersionOperator; readonly version: Version };

/** A word with a meaning of its own after `@` is a tag key only in quotes. */
export const RESERVED_KEYS: readonly string[] = [
  ...["all", "stale", "expiring", "failed", "missed", "version"],
];

/** A value without quotes: nothing that could be meant as an operator, a pattern or a comparison. */
const PLAIN = String.raw`[^\s,&!()'"*?[\]<>=|;]+`;
const QUOTED = `"[^"]*"|'[^']*'`;
const KEY = `${TAG_KEY.source}|${QUOTED}`;
const BEGIN = new RegExp(`(${KEY})!?=`, "uy");
const CONDITION = new RegExp(String.raw`(${KEY})(!?=)(${QUOTED}|${PLAIN})(?=[\s,&!()]|$)`, "uy");
/** Before a further condition: no host has such a sign. */
const NEXT = new RegExp(String.raw`\s*,\s*(?=(?:${KEY})!?=)`, "uy");
const VERSION_TERM = /version(<=|>=|<|>|=)([^,&()\s!]+)/y;

const UNREADABLE = `needs a value: "" is an empty one, and quotes go around spaces and any of ,&!()*?[]<>=|;`;

export interface ReadTerm {
  readonly term: FactTerm;
  /** Where it ends in the text. */
  readonly end: number;
}

/**
 * @param at the position after the @
 * @returns undefined if no such term begins there; a string says what is wrong with the one that does
 */
export function readFactTerm(text: string, at: number): ReadTerm | string | undefined {
  const version = matchAt(VERSION_TERM, text, at);
  if (version !== undefined) return versionTerm(version, at);
  const [begin, word = ""] = matchAt(BEGIN, text, at) ?? [];
  // @failed=<reqid> is not a tag, and what is wrong with @all=1 is reported elsewhere.
  if (begin === undefined || (RESERVED_KEYS.includes(word) && begin === `${word}=`))
    return undefined;
  const conditions: TagCondition[] = [];
  let end = at;
  for (;;) {
    const found = matchAt(CONDITION, text, end);
    if (found === undefined) return `${matchAt(BEGIN, text, end)?.[0]} ${UNREADABLE}`;
    const [whole, key = "", operator, value = ""] = found;
    if (RESERVED_KEYS.includes(key)) {
      return `${key} has a meaning of its own here; write @${key} by itself, or "${key}" for a tag of that name`;
    }
    conditions.push({ key: unquoted(key), value: unquoted(value), not: operator === "!=" });
    end += whole.length;
    const next = matchAt(NEXT, text, end);
    if (next === undefined) break;
    end += next[0].length;
  }
  return { term: { kind: "tags", conditions }, end };
}

function versionTerm([whole, operator, text = ""]: RegExpExecArray, at: number): ReadTerm | string {
  const version = parseVersion(text);
  const known = VERSION_OPERATORS.find((each) => each === operator);
  if (version === undefined || known === undefined) return `"${text}" is not a version such as 1.1`;
  return { term: { kind: "version", operator: known, version }, end: at + whole.length };
}

function unquoted(text: string): string {
  return /^["']/.test(text) ? text.slice(1, -1) : text;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
