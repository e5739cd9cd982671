/** Private keys: PEM in, PEM out. Writing them with mode 0600 is the caller's (system/files). */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { KeyType } from "../core/config-fields.ts";
import { CtrlExecError } from "../core/errors.ts";
import type { CertificateFacts } from "./certificate.ts";

/** P-256 takes 1 ms; RSA-4096 up to 1.3 s. */
export async function generateKeyPem(type: KeyType): Promise<string> {
  const generate = promisify(generateKeyPair);
  const { privateKey } =
    type === "ec"
      ? await generate("ec", { namedCurve: "P-256" })
      : await generate("rsa", { modulusLength: 4096 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/**
 * @param name the file the PEM came from, for the error
 * @throws CtrlExecError `config` when it is not a private key
 */
export function readPrivateKey(pem: string, name: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new CtrlExecError("config", `Cannot read ${name}: not a PEM private key`, { cause });
  }
}

/**
 * Whether a certificate is for this private key.
 * @param name the file the PEM came from, for the error
 * @throws CtrlExecError `config` when it is not a private key
 */
export function fitsKey(certificate: CertificateFacts, pem: string, name: string): boolean {
  return publicKeyBytes(readPrivateKey(pem, name)).equals(certificate.publicKey);
}

/** The public half as DER (SubjectPublicKeyInfo): what says that two keys are the same. */
export function publicKeyBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}
