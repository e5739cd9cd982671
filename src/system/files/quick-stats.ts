/**
 * What statx(2) says of thousands of files, in a third of the time that node:fs takes: it makes an object with four dates
 * of each.
 */
import { read } from "bun:ffi";
import { type Stats, statSync } from "node:fs";
import { errnoLocation, statx } from "../libc.ts";

export type QuickStats = Pick<Stats, "dev" | "ino" | "mode" | "size" | "mtimeMs" | "ctimeMs">;

/** Twice what the kernel reads of a path (PATH_MAX): it refuses one that was cut here as well. */
const PATH_BYTES = 8192;

/** As statx(2) writes it; the same on every processor but for the order of bytes. */
const STRUCT_BYTES = 256;
const MODE = 28;
const INODE = 32;
const SIZE = 40;
const CHANGED = 96;
const WRITTEN = 112;
const DEVICE = 136;

const BASIC_STATS = 0x7ff;
const WORKING_FOLDER = -100;

const path = Buffer.alloc(PATH_BYTES);
const struct = new Uint8Array(STRUCT_BYTES);
const found = new DataView(struct.buffer);
const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Follows links. The errno of a file that is missing, or cannot be looked at.
 *
 * @param file without NUL, as every name of a folder
 */
export function quickStats(file: string): QuickStats | number {
  const look = statx();
  if (look === undefined) return slowStats(file);
  path[path.write(file)] = 0;
  const errno = errnoLocation();
  if (look(WORKING_FOLDER, path, 0, BASIC_STATS, struct) !== 0) return read.i32(errno, 0);
  return {
    dev: found.getUint32(DEVICE, LITTLE) * 2 ** 32 + found.getUint32(DEVICE + 4, LITTLE),
    ino: long(INODE),
    mode: found.getUint16(MODE, LITTLE),
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
  const [low, high] = LITTLE ? [at, at + 4] : [at + 4, at];
  return found.getInt32(high, LITTLE) * 2 ** 32 + found.getUint32(low, LITTLE);
}

function milliseconds(at: number): number {
  return long(at) * 1000 + found.getUint32(at + 8, LITTLE) / 1_000_000;
}
