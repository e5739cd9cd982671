/** Names of scripts: those that an allowlist can hold, and those that somebody gives, which may be any text. */

const SCRIPT_NAME = /^[A-Za-z0-9_-]{1,128}$/;

/** Whether an allowlist can hold it. */
export function isScriptName(name: string): boolean {
  return SCRIPT_NAME.test(name);
}

/** Longer than any allowlist's, and short enough that an agent's refusal, which repeats it, stays short. */
const MAX_BYTES = 255;

/** Controls, line and paragraph separators, half characters, and what reorders or hides text. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/**
 * Whether an agent may be asked for it. One that may not be is in no allowlist, and an agent of 0.8 would log
 * it as it is: the name could forge lines there (T26).
 */
export function isSendableName(name: string): boolean {
  return Buffer.byteLength(name) <= MAX_BYTES && !UNPRINTABLE.test(name);
}
