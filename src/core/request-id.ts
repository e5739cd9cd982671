/** Request ids: 16 lower-case hex digits. Anything else is never a path or a file name (T17). */
export function isRequestId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/** @param random 8 random bytes */
export function requestIdFrom(random: Uint8Array): string {
  return Buffer.from(random.subarray(0, 8)).toString("hex");
}
