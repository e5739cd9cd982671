/** Programs that could not be started: whether that is certain, and why, in plain words. */
import { shortageOf } from "./shortage.ts";

/** What starting a program fails with that somebody is writing. */
export const BEING_WRITTEN = "ETXTBSY";

export const NO_PROGRAM = "it has no #! line and is no program";

/** Agents answer with these words, as 1.0 did, and saysNeverStarted() recognises them: they must not change. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: "it is not executable",
  ENOENT: "no such file, or its interpreter is missing",
  ENOEXEC: NO_PROGRAM,
  [BEING_WRITTEN]: "it is being written (ETXTBSY); try again when that is done",
  E2BIG: "the arguments are longer than this system allows",
};

/** Errors of fork(2) and execve(2) that mean that nothing of the program has run. */
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

/**
 * Whether a start that failed with this system error code has run nothing. With other codes it is unknown
 * (T65).
 */
export function neverStarted(code: string): boolean {
  return NEVER_STARTED.includes(code);
}

/** What the system's error code means for a start. */
export function wordsFor(code: string): string {
  return WORDS[code] ?? shortageOf(code)?.problem ?? code;
}

/** Since 1.0, every answer about a script that never ran begins with this. */
const NOT_EXECUTED = "cannot execute ";

/**
 * The message about a script for the caller and the log.
 *
 * @param code of the system, or what was thrown instead
 * @param mayHaveRun whether it may have been started
 */
export function startProblem(path: string, code: string, mayHaveRun: boolean): string {
  const shortage = shortageOf(code);
  const next = shortage === undefined ? "" : ` on the agent; ${shortage.remedy}`;
  const what = mayHaveRun
    ? `cannot tell whether ${path} ran (it was ended at once; what it had started may still run)`
    : `${NOT_EXECUTED}${path}`;
  // 1.0 had no words for it: they are added where people read it.
  const why = code === BEING_WRITTEN ? code : wordsFor(code);
  return `${what}: ${why}${next}`;
}

/** The same message for people, with the words that agents do not send. */
export function inWords(error: string): string {
  const bare = `: ${BEING_WRITTEN}`;
  if (!error.startsWith(NOT_EXECUTED) || !error.endsWith(bare)) return error;
  return error.slice(0, -BEING_WRITTEN.length) + wordsFor(BEING_WRITTEN);
}

/**
 * Whether an agent's message says for certain that a script never ran. Agents of 1.0 used the same beginning
 * for scripts that may have.
 */
export function saysNeverStarted(error: string): boolean {
  const reason = error.slice(error.lastIndexOf(": ") + 2);
  return (
    error.startsWith(NOT_EXECUTED) &&
    NEVER_STARTED.some((code) => reason === code || reason.startsWith(wordsFor(code)))
  );
}
