/** Programs that could not be started: whether that is certain, and why, in words. */
import { shortageOf } from "./shortage.ts";

export const NO_PROGRAM = "it has no #! line and is not a program";

const WORDS: Readonly<Record<string, string>> = {
  EACCES: "it is not executable",
  ENOENT: "no such file, or its interpreter is missing",
  ENOEXEC: NO_PROGRAM,
  ETXTBSY: "it is being written (ETXTBSY); try again when that is done",
  E2BIG: "the arguments are longer than this system allows",
};

/** What fork(2) and execve(2) fail with before anything of the program has run. */
const NEVER_STARTED: readonly string[] = [
  ...Object.keys(WORDS),
  "EAGAIN",
  "EINVAL",
  "EISDIR",
  "ELOOP",
  "ENAMETOOLONG",
  "ENOTDIR",
  "EPERM",
];

/** Whether a start that failed with this system error code has run nothing. No other code tells (T65). */
export function neverStarted(code: string): boolean {
  return NEVER_STARTED.includes(code);
}

function wordsFor(code: string): string {
  return WORDS[code] ?? shortageOf(code)?.problem ?? code;
}

/** Every answer about a script that never ran begins so, since 1.0. */
const NOT_EXECUTED = "cannot execute ";

/**
 * What the caller and the log are told of a script.
 *
 * @param code of the system, or what was thrown instead
 * @param mayHaveRun whether that leaves open if it was started
 */
export function startProblem(path: string, code: string, mayHaveRun: boolean): string {
  const shortage = shortageOf(code);
  const next = shortage === undefined ? "" : ` on the agent; ${shortage.remedy}`;
  const what = mayHaveRun
    ? `cannot tell whether ${path} ran (it was ended at once; what it had started may still run)`
    : `${NOT_EXECUTED}${path}`;
  return `${what}: ${wordsFor(code)}${next}`;
}

/**
 * Whether an agent's words say for certain that a script never ran. Agents of 1.0 used the same beginning
 * where it may have.
 */
export function saysNeverStarted(error: string): boolean {
  const reason = error.slice(error.lastIndexOf(": ") + 2);
  return (
    error.startsWith(NOT_EXECUTED) &&
    NEVER_STARTED.some((code) => reason === code || reason.startsWith(wordsFor(code)))
  );
}
