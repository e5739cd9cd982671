/** Converts key objects for WebCrypto, with the signature algorithm that fits the key. */
import type { KeyObject } from "node:crypto";
import { CtrlExecError } from "../core/errors.ts";
import { publicKeyBytes } from "./keys.ts";
import { webCrypto } from "./x509-library.ts";

export interface SigningPair {
  /**
   * The private half can sign but not be exported. Kept only for one signature, since the library holds it in
   * plain memory.
   */
  readonly keys: CryptoKeyPair;
  readonly algorithm: SigningAlgorithm;
}

interface SigningAlgorithm {
  readonly name: string;
  readonly hash?: string;
  readonly namedCurve?: string;
}

/**
 * The pair for one of our own keys, of any type that a certificate may have.
 * @throws CtrlExecError `config` for a key of another type
 */
export async function signingPair(key: KeyObject): Promise<SigningPair> {
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) {
    throw cannotSign("the key is not RSA, ECDSA P-256 or P-384, or Ed25519");
  }
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const spki = publicKeyBytes(key);
  const [privateKey, publicKey] = await Promise.all([
    webCrypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), algorithm, false, ["sign"]),
    webCrypto.subtle.importKey("spki", new Uint8Array(spki), algorithm, true, ["verify"]),
  ]);
  return { keys: { privateKey, publicKey }, algorithm };
}

/**
 * The pair for a CA's key: every host of the fleet verifies its signatures, and hosts of 0.8 may have an
 * OpenSSL that does not know Ed25519.
 *
 * @throws CtrlExecError `config` for a key that is neither RSA nor P-256 or P-384
 */
export async function caSigningPair(key: KeyObject): Promise<SigningPair> {
  const algorithm = algorithmOf(key);
  if (algorithm === undefined || algorithm.name === "Ed25519") {
    throw cannotSign("the key is neither RSA nor ECDSA P-256 or P-384");
  }
  return await signingPair(key);
}

function algorithmOf(key: KeyObject): SigningAlgorithm | undefined {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (curve === "prime256v1") return { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  if (curve === "secp384r1") return { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };
  if (key.asymmetricKeyType === "ed25519") return { name: "Ed25519" };
  return undefined;
}

function cannotSign(why: string): CtrlExecError {
  return new CtrlExecError("config", `Cannot sign: ${why}`);
}
