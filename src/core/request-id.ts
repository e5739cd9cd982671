/** Request ids: 16 lower-case hex digits. Anything else is never a path or a file name (T17). */
export function isRequestId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/** It cannot be guessed: a caller who knows a run's id may ask how it went. */
export function newRequestId(): string {
  return crypto.getRandomValues(new Uint8Array(8)).toHex();
}
