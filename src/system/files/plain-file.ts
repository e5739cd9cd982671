/** The one way a file of ours is read: as a plain file, whatever stands at its path (T74). */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { formatBytes } from "../../core/units.ts";

export const NOT_PLAIN = "it is not a plain file";

/** Nothing that we keep in one piece is longer. */
const MAX_BYTES = 64 * 2 ** 20;

export interface PlainFile {
  readonly bytes: Buffer;
  /** Of the file that was read, whatever has been put at the path since. */
  readonly stats: Stats;
}

/**
 * A FIFO would keep a reader waiting for somebody to write, and a device may have no end: neither is
 * read.
 *
 * @param flags O_NOFOLLOW where no link may stand
 * @throws the system's error, or one without a code that says what is wrong with the file
 */
export function readPlainFile(path: string, flags = 0, maxBytes = MAX_BYTES): PlainFile {
  const { O_RDONLY, O_NONBLOCK } = constants;
  const file = openSync(path, O_RDONLY | O_NONBLOCK | flags);
  try {
    const stats = fstatSync(file);
    requirePlain(stats);
    if (stats.size > maxBytes) throw new Error(`it is longer than ${formatBytes(maxBytes)}`);
    return { bytes: readFileSync(file), stats };
  } finally {
    closeSync(file);
  }
}

/** @throws an error that says what else it is */
export function requirePlain(stats: Stats): Stats {
  if (stats.isDirectory()) throw new Error("it is a folder");
  if (!stats.isFile()) throw new Error(NOT_PLAIN);
  return stats;
}
