/** Names of scripts: those that an allowlist can hold, and those that somebody gives, which may be any text. */

/**
 * One limit on both sides: an agent's refusal, which repeats the name, stays short. 0.8 has none: its allowlist may
 * hold a longer name, and that one is skipped with a warning (docs/CONFIGURATION.md).
 */
const MAX_SCRIPT_NAME = 255;

/** What a name is that an allowlist can hold. */
export const SCRIPT_NAME_RULE = `a name has 1 to ${MAX_SCRIPT_NAME} letters, digits, _ and -, nothing else`;

/** Whether an allowlist can hold it. */
export function isScriptName(name: string): boolean {
  return name.length <= MAX_SCRIPT_NAME && /^[A-Za-z0-9_-]+$/.test(name);
}

/** Controls, line and paragraph separators, half characters, and what reorders or hides text. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/**
 * Whether an agent may be asked for it. One that may not be is in no allowlist, and an agent of 0.8 would log
 * it as it is: the name could forge lines there (T26).
 */
export function isSendableName(name: string): boolean {
  return Buffer.byteLength(name) <= MAX_SCRIPT_NAME && !UNPRINTABLE.test(name);
}
