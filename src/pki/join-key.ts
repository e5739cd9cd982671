/** The key of a join token (Ed25519), and the signatures of a join. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { ed25519Bytes, ed25519Spki } from "./ed25519.ts";

/** PKCS#8 of an Ed25519 key up to its seed (RFC 8410, section 7). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** @param seed 32 random bytes */
export function keyFromSeed(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8, seed]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** The 32 bytes that the control host keeps, in hex. */
export function publicHalf(key: KeyObject): string {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return ed25519Bytes(spki).toString("hex");
}

/** @param publicKey what publicHalf() returned */
export function isSignedByToken(
  statement: Uint8Array,
  signature: string,
  publicKey: string,
): boolean {
  return isSignedByKey(statement, signature, ed25519Spki(Buffer.from(publicKey, "hex")));
}

/** Hex. @param key of any type that a certificate may have */
export function signStatement(statement: Uint8Array, key: KeyObject): string {
  return sign(hashFor(key), statement, key).toString("hex");
}

/** @param spki SubjectPublicKeyInfo, DER */
export function isSignedByKey(statement: Uint8Array, signature: string, spki: Buffer): boolean {
  try {
    const key = createPublicKey({ key: spki, format: "der", type: "spki" });
    return verify(hashFor(key), statement, key, Buffer.from(signature, "hex"));
  } catch {
    // Not a key, or not a signature of its kind: both may come from a stranger.
    return false;
  }
}

function hashFor(key: KeyObject): "sha256" | null {
  return key.asymmetricKeyType === "ed25519" ? null : "sha256";
}
