/** How a host expression may go on, for the shells' completions. */

/** What may stand for hosts besides their names; what ends in "=" takes a value. */
const WORDS = ["@all", "@stale", "@expiring=", "@failed=", "@missed="] as const;

/**
 * Each is a whole expression: what was typed before its last term, and a term that begins as the last one does.
 *
 * @param typed as it stands on the command line, with the quote that it may begin with
 * @param names of the registered hosts
 * @param more words that begin with "@"
 */
export function completedHosts(
  typed: string,
  names: readonly string[],
  more: readonly string[] = [],
): string[] {
  const text = unquoted(typed);
  const begin = lastTerm(text);
  if (begin === undefined) return [];
  const before = text.slice(0, begin);
  const term = text.slice(begin);
  // Nobody is shown words who has typed nothing: names are what is mostly meant.
  const all = term.startsWith("@") ? [...WORDS, ...more] : names;
  return all.filter((word) => word.startsWith(term)).map((word) => before + word);
}

/** Without the quotes and backslashes of a shell. */
export function unquoted(typed: string): string {
  const [, quote, quoted = ""] = /^(["'])(.*)$/s.exec(typed) ?? [];
  if (quote === undefined) return typed.replaceAll(/\\(.)/gs, "$1");
  return quoted.endsWith(quote) ? quoted.slice(0, -1) : quoted;
}

/** Where it begins; undefined in brackets, where there are numbers alone. */
function lastTerm(text: string): number | undefined {
  if (text.lastIndexOf("[") > text.lastIndexOf("]")) return undefined;
  const end = /(?<=[,&!(\s])[^,&!()\s]*$/.exec(text);
  return end === null ? 0 : end.index;
}
