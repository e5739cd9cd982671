/** Public Ed25519 keys: as the 32 bytes that they are, and as SubjectPublicKeyInfo in DER. */

/** What comes before those bytes (RFC 8410, section 4). */
const PREFIX = Buffer.from("302a300506032b6570032100", "hex");

export function ed25519Spki(publicKey: Uint8Array): Buffer {
  return Buffer.concat([PREFIX, publicKey]);
}

export function ed25519Bytes(spki: Buffer): Buffer {
  return spki.subarray(PREFIX.length);
}
