/** Names of scripts as somebody gives them, which may be any text. */

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
