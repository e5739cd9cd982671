/** Files that decide what this process does with its rights. */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { CtrlExecError, systemCode } from "../core/errors.ts";
import { fileError } from "./files.ts";
import { judgePath, type PathRule } from "./trusted-path.ts";

/** No file that a person writes is longer. */
const MAX_BYTES = 1_048_576;

export interface TrustRule extends PathRule {
  /** The user whose files count besides root's. */
  readonly user?: number;
  /** What to do about a refusal, when it is not to mend the file. */
  readonly hint?: string;
}

/**
 * Refuses a path that anybody but root and this process's own user could change: the file, every link
 * and every folder above it (T62). What is not there, or cannot be looked at, is not refused: whoever
 * opens it gets the error.
 *
 * @throws CtrlExecError `config` that says who could change what, and how to close it
 */
export function refuseUntrusted(path: string, rule: TrustRule = {}): void {
  const judged = judgePath(path, rule.user, rule);
  if (judged.kind !== "refused") return;
  const { problem, remedy } = judged;
  // The path is said once.
  const what = problem.startsWith(`${path} `) ? `it${problem.slice(path.length)}` : problem;
  throw new CtrlExecError("config", `Cannot use ${path}: ${what}`, { hint: rule.hint ?? remedy });
}

/**
 * The text of a file that nobody but root and this process's own user can have written, or put there.
 * @throws CtrlExecError `config` that says what is wrong with the file
 */
export function readTrustedText(path: string, rule: TrustRule = {}): string {
  const text = readTrustedTextIfPresent(path, rule);
  if (text !== undefined) return text;
  throw new CtrlExecError("config", `Cannot read ${path}: no such file or folder`);
}

/** The same, or undefined when there is no such file. */
export function readTrustedTextIfPresent(path: string, rule: TrustRule = {}): string | undefined {
  refuseUntrusted(path, rule);
  const found = readWithStats(path);
  if (found === undefined) return undefined;
  const problem = problemOf(found.stats, found.bytes.length);
  if (problem === undefined) return found.bytes.toString("utf8");
  throw new CtrlExecError("config", `Cannot use ${path}: ${problem}`, {
    hint: "Name a plain file.",
  });
}

interface Found {
  readonly bytes: Buffer;
  readonly stats: Stats;
}

function readWithStats(path: string): Found | undefined {
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
    if (systemCode(cause) === "ENOENT") return undefined;
    throw fileError("config", "read", path, cause);
  }
}

function problemOf(stats: Stats, length: number): string | undefined {
  if (stats.isDirectory()) return "it is a folder";
  if (!stats.isFile()) return "it is no plain file";
  if (stats.size > MAX_BYTES) return "it is longer than 1 MiB";
  // What the kernel shows as a file may have no size.
  return stats.size === length ? undefined : "it is no plain file";
}
