/**
 * Node sets, as in ClusterShell and pdsh: `web-[01-20,25]` is web-01 to web-20 and web-25, `rack[1-2]-n[01-16]` is
 * each of 16 in each of 2, and `[1-9/2]` is every second one. Digits keep their padding.
 */
import { CtrlExecError } from "../errors.ts";

/** No fleet has more, and `[1-999999999]` must cost nothing (T76). */
export const MAX_NODES = 100_000;

/** `1`, `01-20`, `1-9/2` */
const RANGE = /^(\d{1,9})(?:-(\d{1,9})(?:\/(\d{1,9}))?)?$/;

/** Text between brackets, and what each pair of brackets stands for. */
type Part = string | readonly Range[];

interface Range {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  /** The number of digits of each number, filled with zeros. */
  readonly width: number;
}

export interface NodeSet {
  /** How many names it stands for; a name that occurs twice counts twice. */
  readonly count: number;
  /** One of its longest names. */
  readonly longest: string;
  /**
   * None twice, in order: the last brackets vary fastest.
   *
   * @param most at most the first this many; duplicates among them make them fewer
   */
  names(most?: number): string[];
}

/**
 * Generates no name before it is asked for names. A text without brackets is its own only name.
 *
 * @throws CtrlExecError `bad-request` for brackets that cannot be read, or more than MAX_NODES names
 */
export function readNodeSet(text: string): NodeSet {
  const parts = partsOf(text);
  const count = parts.reduce((product, part) => product * sizeOf(part), 1);
  if (count > MAX_NODES) {
    throw unreadable(text, `it stands for ${count} hosts; at most ${MAX_NODES} can be named`);
  }
  const longest = parts.map((part) => (typeof part === "string" ? part : longestIn(part))).join("");
  return { count, longest, names: (most) => namesOf(parts, most) };
}

/** Every name of it at once. @throws as readNodeSet() */
export function expandNodeSet(text: string): string[] {
  return readNodeSet(text).names();
}

function namesOf(parts: readonly Part[], most = MAX_NODES): string[] {
  let names = [""];
  for (const part of parts) {
    if (typeof part === "string") names = names.map((name) => name + part);
    else {
      const numbers = part.flatMap((range) => numbersIn(range, most)).slice(0, most);
      const needed = names.slice(0, Math.ceil(most / numbers.length));
      names = needed.flatMap((name) => numbers.map((number) => name + number)).slice(0, most);
    }
  }
  return mayRepeat(parts) ? [...new Set(names)] : names;
}

/** A single range has no number twice; two side by side may: `[1-2][1-12]` is 112 twice. */
function mayRepeat(parts: readonly Part[]): boolean {
  return parts.flatMap((part) => (typeof part === "string" ? [] : part)).length > 1;
}

function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let rest = text;
  while (rest !== "") {
    const [plain = ""] = /^[^[\]]*/.exec(rest) ?? [];
    parts.push(plain);
    rest = rest.slice(plain.length);
    if (rest === "") break;
    const [bracketed, ranges = ""] = /^\[([^[\]]*)\]/.exec(rest) ?? [];
    if (bracketed === undefined) {
      throw unreadable(text, rest.startsWith("]") ? "] closes nothing" : "[ is not closed");
    }
    parts.push(ranges.split(",").map((range) => readRange(text, range.trim())));
    rest = rest.slice(bracketed.length);
  }
  return parts;
}

function readRange(text: string, range: string): Range {
  const [, from, to = from, step = "1"] = RANGE.exec(range) ?? [];
  if (from === undefined || to === undefined) {
    throw unreadable(text, `"${range}" is not a number such as 07, or numbers such as 01-20`);
  }
  const isPadded = /^0\d/;
  if (from.length !== to.length && (isPadded.test(from) || isPadded.test(to))) {
    throw unreadable(
      text,
      `in ${range}, one number has leading zeros, and the two differ in length`,
    );
  }
  const numbers = { first: Number(from), last: Number(to), step: Number(step) };
  if (numbers.last < numbers.first) throw unreadable(text, `${range} ends before it begins`);
  if (numbers.step === 0) throw unreadable(text, `${range} never ends`);
  return { ...numbers, width: from.length };
}

function sizeOf(part: Part): number {
  if (typeof part === "string") return 1;
  return part.reduce((sum, range) => sum + countOf(range), 0);
}

function longestIn(ranges: readonly Range[]): string {
  const lasts = ranges.map(({ last, width }) => String(last).padStart(width, "0"));
  return lasts.reduce((longest, last) => (last.length > longest.length ? last : longest), "");
}

function countOf({ first, last, step }: Range): number {
  return Math.floor((last - first) / step) + 1;
}

function numbersIn(range: Range, most: number): string[] {
  const { first, step, width } = range;
  return Array.from({ length: Math.min(most, countOf(range)) }, (_, index) =>
    String(first + index * step).padStart(width, "0"),
  );
}

function unreadable(text: string, why: string): CtrlExecError {
  return new CtrlExecError("bad-request", `Cannot read the hosts "${text}": ${why}`, {
    hint: "A node set is web-[01-20,25], or rack[1-4]-n[01-16].",
  });
}
