/** The only way we read our files: as plain files, whatever is at the path (T74). */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { formatBytes } from "../../core/units.ts";

const NOT_PLAIN = "it is not a plain file";

/** Nothing that we keep in one piece is longer: bytes. */
const MAX_BYTES = 64 * 2 ** 20;

/** No file that a person writes, and no certificate or serial, is longer: bytes. */
export const MAX_SHORT_FILE = 1_048_576;

export interface ReadRule {
  /** Bytes of the longest file that is read; 64 MiB if not given. */
  readonly maxBytes?: number;
  /** Refuses a path that is a link. */
  readonly noLink?: boolean;
  /** Refuses files of /proc, which have no size. They are root's, and may contain what the caller typed. */
  readonly noProc?: boolean;
}

export interface PlainFile {
  readonly bytes: Buffer;
  /** Version of the file that was read, whatever is at the path now. */
  readonly stats: Stats;
}

/**
 * Reads neither a FIFO, which would keep a reader waiting for a writer, nor a device, which may have no end.
 *
 * @throws the system's error, or one without a code that says what is wrong with the file
 */
export function readPlainFile(path: string, rule: ReadRule = {}): PlainFile {
  const { maxBytes = MAX_BYTES, noLink = false, noProc = false } = rule;
  const { O_RDONLY, O_NOFOLLOW } = constants;
  const { file, stats } = openPlain(path, O_RDONLY | (noLink ? O_NOFOLLOW : 0));
  try {
    if (stats.size > maxBytes) throw new Error(`it is longer than ${formatBytes(maxBytes)}`);
    const bytes = readFileSync(file);
    if (noProc && stats.size !== bytes.length) throw new Error(NOT_PLAIN);
    return { bytes, stats };
  } finally {
    closeSync(file);
  }
}

/**
 * Does not wait, as for the writer of a FIFO. Whoever calls it closes the file.
 *
 * @param mode of a file that is created
 * @throws the system's error, or one that says what else it is
 */
export function openPlain(
  path: string,
  flags: number,
  mode?: number,
): { readonly file: number; readonly stats: Stats } {
  const file = openSync(path, flags | constants.O_NONBLOCK, mode);
  try {
    return { file, stats: requirePlain(fstatSync(file)) };
  } catch (thrown) {
    closeSync(file);
    throw thrown;
  }
}

/** @throws an error that says what else it is */
export function requirePlain(stats: Stats): Stats {
  if (stats.isDirectory()) throw new Error("it is a folder");
  if (!stats.isFile()) throw new Error(NOT_PLAIN);
  return stats;
}
