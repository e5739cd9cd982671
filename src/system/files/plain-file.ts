/** The only way we read our files: as plain files, whatever is at the path (T74). */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { formatBytes } from "../../core/units.ts";

export const NOT_PLAIN = "it is not a plain file";

/** Nothing that we keep in one piece is longer: bytes. */
const MAX_BYTES = 64 * 2 ** 20;

export interface PlainFile {
  readonly bytes: Buffer;
  /** Of the file that was read, whatever is at the path now. */
  readonly stats: Stats;
}

/**
 * Reads neither a FIFO, which would keep a reader waiting for a writer, nor a device, which may have no end.
 *
 * @param flags O_NOFOLLOW if the path must not be a link
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
