/** Files that decide how this process uses its rights. */
import { CtrlExecError, messageOf, systemCode } from "../../core/errors.ts";
import { fileError } from "./files.ts";
import { MAX_SHORT_FILE, readPlainFile } from "./plain-file.ts";
import { judgePath, type PathRule } from "./trusted-path.ts";

export interface TrustRule extends PathRule {
  /** The user whose files are trusted besides root's. */
  readonly user?: number;
}

/**
 * Refuses a path that anybody except root and this process's own user could change: the file, every link and every
 * folder above it (T62). A path that is missing, or cannot be inspected, is not refused: whoever opens it gets the
 * error.
 *
 * @throws CtrlExecError `config` that says who could change what, and how to correct it
 */
export function refuseUntrusted(path: string, rule: TrustRule = {}): void {
  const judged = judgePath(path, rule.user, rule);
  if (judged.kind !== "refused") return;
  const { problem, remedy } = judged;
  // The path is named only once.
  const what = problem.startsWith(`${path} `) ? `it${problem.slice(path.length)}` : problem;
  throw new CtrlExecError("config", `Cannot use ${path}: ${what}`, { hint: remedy });
}

/**
 * The text of a file that only root and this process's own user can have written or put there.
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
  try {
    const { bytes } = readPlainFile(path, { maxBytes: MAX_SHORT_FILE, noProc: true });
    return bytes.toString("utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    if (systemCode(cause) !== "") throw fileError("config", "read", path, cause);
    throw new CtrlExecError("config", `Cannot use ${path}: ${messageOf(cause)}`, {
      cause,
      hint: "Name a plain file.",
    });
  }
}
