/** Key objects as WebCrypto wants them, with the signature algorithm that fits the key. */
import type { KeyObject } from "node:crypto";
import { CtrlExecError } from "../core/errors.ts";
import { publicKeyBytes } from "./keys.ts";

export interface SigningPair {
  readonly keys: CryptoKeyPair;
  readonly algorithm: {
    readonly name: string;
    readonly hash: string;
    readonly namedCurve?: string;
  };
}

/** @throws CtrlExecError `config` for a key that is neither RSA nor P-256 or P-384 */
export async function signingPair(key: KeyObject): Promise<SigningPair> {
  const algorithm = algorithmOf(key);
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const spki = publicKeyBytes(key);
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), algorithm, false, ["sign"]),
    crypto.subtle.importKey("spki", new Uint8Array(spki), algorithm, true, ["verify"]),
  ]);
  return { keys: { privateKey, publicKey }, algorithm };
}

function algorithmOf(key: KeyObject): SigningPair["algorithm"] {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (curve === "prime256v1") return { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  if (curve === "secp384r1") return { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };
  throw new CtrlExecError("config", "Cannot sign: the key is neither RSA nor ECDSA P-256 or P-384");
}
