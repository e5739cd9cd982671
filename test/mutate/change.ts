/** One change to one file of the sources. */

export interface Change {
  /** From the root of the checkout, with "/". */
  readonly file: string;
  /** Where it is, from 1. */
  readonly line: number;
  readonly column: number;
  /** What is replaced, as offsets into the file's text. */
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** The smallest code around it that a person can read, before and after. */
  readonly before: string;
  readonly after: string;
}

/** A node of the sources, and the changes that can be made to it. Only one of them is drawn. */
export interface Site {
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly changes: readonly Change[];
}

/** The text of the file with the change made. */
export function apply(text: string, { start, end, replacement }: Change): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** The lines around the change. */
export function around(text: string, { line }: Change): string {
  return text
    .split("\n")
    .slice(Math.max(0, line - 4), line + 3)
    .join("\n");
}
