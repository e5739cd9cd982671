/**
 * What statx(2) says about thousands of files, in a third of the time that node:fs takes, which makes an object with
 * four dates for each.
 */
import { read } from "bun:ffi";
import { type Stats, statSync } from "node:fs";
import { errnoLocation, statx } from "../libc.ts";

export type QuickStats = Pick<Stats, "dev" | "ino" | "mode" | "size" | "mtimeMs" | "ctimeMs">;

/** Twice what the kernel reads of a path (PATH_MAX): it also refuses one that was cut here. */
const PATH_BYTES = 8192;

/** As statx(2) writes it, in words of four bytes; the same on every processor except for the byte order. */
const STRUCT_WORDS = 64;
const MODE = 7;
const INODE = 8;
const SIZE = 10;
const CHANGED = 24;
const WRITTEN = 28;
const DEVICE = 34;

const BASIC_STATS = 0x7ff;
const WORKING_FOLDER = -100;

const path = Buffer.alloc(PATH_BYTES);
const words = new Uint32Array(STRUCT_WORDS);
const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Follows links. Returns the errno for a file that is missing, or cannot be inspected.
 *
 * @param file without NUL, as every name in a folder is
 */
export function quickStats(file: string): QuickStats | number {
  const look = statx();
  if (look === undefined) return slowStats(file);
  path[path.write(file)] = 0;
  const errno = errnoLocation();
  if (look(WORKING_FOLDER, path, 0, BASIC_STATS, words) !== 0) return read.i32(errno, 0);
  return {
    dev: long(DEVICE),
    ino: long(INODE),
    mode: LITTLE ? word(MODE) & 0xffff : word(MODE) >>> 16,
    size: long(SIZE),
    mtimeMs: milliseconds(WRITTEN),
    ctimeMs: milliseconds(CHANGED),
  };
}

/** A C library before 2018, and other systems, have no statx. */
function slowStats(file: string): QuickStats | number {
  try {
    return statSync(file);
  } catch (thrown) {
    const { errno } = thrown as NodeJS.ErrnoException;
    return Math.abs(errno ?? 0);
  }
}

function long(at: number): number {
  const high = word(LITTLE ? at + 1 : at);
  return (high | 0) * 2 ** 32 + word(LITTLE ? at : at + 1);
}

function milliseconds(at: number): number {
  return long(at) * 1000 + word(at + 2) / 1_000_000;
}

function word(at: number): number {
  return words[at] ?? 0;
}
