/**
 * The six digits both screens show during pairing (PROTOCOL section 1): SHA-256 over the CSR's PEM
 * text exactly as sent, its first four bytes as a big-endian number, modulo one million.
 */
export function confirmationCode(csrPem: string): string {
  const digest = new Bun.CryptoHasher("sha256").update(csrPem, "utf8").digest();
  return String(digest.readUInt32BE(0) % 1_000_000).padStart(6, "0");
}
