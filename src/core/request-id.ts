/** Request ids: 16 lower-case hex digits. Anything else is never a path or a file name (T17). */
export function isRequestId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}
