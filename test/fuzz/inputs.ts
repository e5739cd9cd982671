/** Inputs made from sound ones and from what often runs away: long runs, deep nesting, endless repeats. */
import type { Random } from "./random.ts";

/** The longest input. */
export const MAX_BYTES = 65_536;

/** A repeated pattern between a beginning and an end: big cases, written small. */
export interface Repeated {
  readonly start?: string;
  readonly pattern: string;
  /** How often; what is longer than MAX_BYTES is cut. */
  readonly count: number;
  readonly end?: string;
}

export function repeated({ start = "", pattern, count, end = "" }: Repeated): Buffer {
  const room = Math.max(0, MAX_BYTES - start.length - end.length);
  const times = Math.min(count, Math.ceil(room / Math.max(1, pattern.length)));
  const middle = pattern.repeat(times).slice(0, room);
  return Buffer.from(start + middle + end, "latin1").subarray(0, MAX_BYTES);
}

/** What expressions and recursion trip over, in every format. */
const COMMON = [
  " ",
  "\t",
  "\n",
  "\r\n",
  " \n",
  "\0",
  "a",
  "0",
  "=",
  ":",
  ";",
  ",",
  ".",
  "-",
  "%",
  '"',
  "\\",
  "\\\\",
  "[",
  "{",
  "(",
  '{"a":',
  "[[",
  "é",
  "\xff",
  "__proto__",
];

/**
 * An input of a round.
 * @param seeds sound inputs
 * @param pieces what the format is made of
 */
export function inputOf(
  random: Random,
  seeds: readonly Buffer[],
  pieces: readonly string[],
): Buffer {
  const kind = random.below(10);
  if (kind < 2 || seeds.length === 0) return run(random, seeds, pieces);
  if (kind < 3) return soup(random, pieces);
  let bytes = random.pick(seeds);
  for (let step = random.below(4); step >= 0; step -= 1) {
    bytes = random.pick(MUTATIONS)(random, bytes, seeds, pieces);
  }
  return bytes.subarray(0, MAX_BYTES);
}

/** A part of a sound input, then one pattern until the input is full, then perhaps the rest. */
function run(random: Random, seeds: readonly Buffer[], pieces: readonly string[]): Buffer {
  const seed = seeds.length === 0 ? "" : random.pick(seeds).toString("latin1");
  const cut = random.below(seed.length + 1);
  const pattern =
    random.pick([...pieces, ...COMMON]) + (random.below(3) === 0 ? random.pick(COMMON) : "");
  const count = random.pick([10, 1000, MAX_BYTES]);
  const end = random.below(2) === 0 ? seed.slice(cut) : "";
  return repeated({ start: seed.slice(0, cut), pattern, count, end });
}

/** Pieces of the format in any order. */
function soup(random: Random, pieces: readonly string[]): Buffer {
  const parts: string[] = [];
  for (let left = random.pick([5, 50, 5000]); left > 0; left -= 1) {
    parts.push(random.pick([...pieces, ...COMMON]));
  }
  return Buffer.from(parts.join(""), "latin1").subarray(0, MAX_BYTES);
}

type Mutation = (
  random: Random,
  bytes: Buffer,
  seeds: readonly Buffer[],
  pieces: readonly string[],
) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  function flip(random, bytes) {
    const copy = Buffer.from(bytes);
    const at = random.below(copy.length);
    if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
    return copy;
  },
  function overwrite(random, bytes) {
    const copy = Buffer.from(bytes);
    for (let left = random.below(8); left >= 0 && copy.length > 0; left -= 1) {
      copy[random.below(copy.length)] = random.below(256);
    }
    return copy;
  },
  function cut(random, bytes) {
    return bytes.subarray(0, random.below(bytes.length + 1));
  },
  function drop(random, bytes) {
    const at = random.below(bytes.length + 1);
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(16)));
  },
  function insert(random, bytes, _, pieces) {
    const at = random.below(bytes.length + 1);
    const piece = Buffer.from(random.pick([...pieces, ...COMMON]), "latin1");
    return joined(bytes.subarray(0, at), piece, bytes.subarray(at));
  },
  function repeat(random, bytes) {
    const at = random.below(bytes.length + 1);
    const part = bytes.subarray(at, at + 1 + random.below(64));
    const times = Math.min(
      random.pick([2, 50, 5000]),
      Math.ceil(MAX_BYTES / Math.max(1, part.length)),
    );
    return joined(
      bytes.subarray(0, at),
      ...Array.from({ length: times }, () => part),
      bytes.subarray(at),
    );
  },
  function splice(random, bytes, seeds) {
    const other = random.pick(seeds);
    return joined(
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    );
  },
];

function joined(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts).subarray(0, MAX_BYTES);
}
