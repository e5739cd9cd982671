/** Files that decide what this process does with its rights. */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { CtrlExecError, systemCode } from "../core/errors.ts";
import { fileProblem } from "./files.ts";

/** No file that a person writes is longer. */
const MAX_BYTES = 1_048_576;

/**
 * The text of a file that nobody but root and this process's own user can have written. Where sudo
 * lets somebody run this program, --config is theirs to choose, and its auth_hook would run as root.
 *
 * @param absent what a missing file stands for; undefined makes it an error
 * @param user whose files count besides root's
 * @throws CtrlExecError `config` that says what is wrong with the file
 */
export function readTrustedText(path: string, absent?: string, user = process.geteuid?.()): string {
  const found = readWithStats(path, absent !== undefined);
  if (found === undefined) return absent ?? "";
  const problem = problemOf(found.stats, found.bytes.length, user);
  if (problem === undefined) return found.bytes.toString("utf8");
  throw new CtrlExecError("config", `Cannot use ${path}: ${problem}`, {
    hint: "It must be a plain file of root or of who runs this, and others must not write it.",
  });
}

interface Found {
  readonly bytes: Buffer;
  readonly stats: Stats;
}

function readWithStats(path: string, mayBeAbsent: boolean): Found | undefined {
  try {
    // A FIFO would keep us waiting for somebody to write.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(file);
      // Of anything else, such as /dev/zero, there may be no end.
      const sound = stats.isFile() && stats.size <= MAX_BYTES;
      return { bytes: sound ? readFileSync(file) : Buffer.alloc(0), stats };
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (mayBeAbsent && systemCode(cause) === "ENOENT") return undefined;
    throw new CtrlExecError("config", `Cannot read ${path}: ${fileProblem(cause)}`, { cause });
  }
}

function problemOf(stats: Stats, length: number, user: number | undefined): string | undefined {
  if (stats.isDirectory()) return "it is a folder";
  if (!stats.isFile()) return "it is no plain file";
  if (stats.size > MAX_BYTES) return "it is longer than 1 MiB";
  // What /proc shows has no size. It is root's, and says what the caller typed.
  if (stats.size !== length) return "it is no plain file";
  if (stats.uid !== 0 && stats.uid !== user) {
    return `it belongs to another user (uid ${stats.uid})`;
  }
  return (stats.mode & 0o002) === 0 ? undefined : "every user of this host may write it";
}
