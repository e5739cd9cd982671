/** Names of scripts: those that an allowlist can hold, and those in requests, which may be any text. */

/**
 * The same limit on both sides keeps an agent's refusal, which repeats the name, short. 0.8 has no limit: a
 * longer name in its allowlist is skipped with a warning (docs/CONFIGURATION.md).
 */
const MAX_SCRIPT_NAME = 255;

/** The rule for names in an allowlist, in words. */
export const SCRIPT_NAME_RULE = `a name has 1 to ${MAX_SCRIPT_NAME} letters, digits, _ and -, nothing else`;

/** Whether an allowlist can hold it. */
export function isScriptName(name: string): boolean {
  return name.length <= MAX_SCRIPT_NAME && /^[A-Za-z0-9_-]+$/.test(name);
}

/** Controls, line and paragraph separators, lone surrogates, and characters that reorder or hide text. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/**
 * Whether an agent may be asked for it. No allowlist has other names, and an agent of 0.8 would log them
 * unescaped: they could forge lines there (T26).
 */
export function isSendableName(name: string): boolean {
  return Buffer.byteLength(name) <= MAX_SCRIPT_NAME && !UNPRINTABLE.test(name);
}
