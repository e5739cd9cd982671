/** See isRequestId(). */
export function newRequestId(): string {
  return crypto.getRandomValues(new Uint8Array(8)).toHex();
}
