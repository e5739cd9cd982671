/** How much a notice says (T35). */
import { forOneLine } from "../text.ts";

/** Entries of a list that a notice names: the rest is a number. */
export const MOST_NAMED = 20;
/** Of any text in it. A host's name may be longer, and is not cut. */
const LONGEST_TEXT = 300;

export function bounded(text: string): string {
  const line = forOneLine(text);
  return line.length <= LONGEST_TEXT ? line : `${line.slice(0, LONGEST_TEXT - 3)}...`;
}
