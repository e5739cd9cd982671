/**
 * Private keys: PEM in, PEM out. The caller writes them with mode 0600 (system/files).
 *
 * `run` and `ping` read keys too, so reading uses Bun's own classes; the library is loaded only to make a key.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { KeyType } from "../core/config/config-fields.ts";
import { CtrlExecError, messageOf } from "../core/errors.ts";
import type { CertificateFacts } from "./certificate.ts";
import { type PemBlock, privateKeyIn, writePem } from "./pem.ts";

/**
 * P-256 takes 1 ms; RSA-4096 up to 1.3 s. webCrypto would make it on the thread on which the API and
 * pairing-mode, which both rotate, answer; so RSA keys are not made with it.
 */
export async function generateKeyPem(type: KeyType): Promise<string> {
  if (type === "rsa4096") {
    const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 4096 });
    return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  }
  const { webCrypto } = await import("./x509-library.ts");
  const { privateKey } = await webCrypto.subtle.generateKey(
    { name: "ECDSA", namedCurve: "P-256" },
    true,
    ["sign", "verify"],
  );
  const der = await webCrypto.subtle.exportKey("pkcs8", privateKey);
  return writePem({ label: "PRIVATE KEY", der: Buffer.from(der) });
}

/** OpenSSL's name for the form of the DER under each label. */
const FORMS: Readonly<Record<string, "pkcs8" | "pkcs1" | "sec1">> = {
  "PRIVATE KEY": "pkcs8",
  "RSA PRIVATE KEY": "pkcs1",
  "EC PRIVATE KEY": "sec1",
};

/**
 * @param name the file the PEM came from, for the error
 * @throws CtrlExecError `config` when it is not a private key
 */
export function readPrivateKey(pem: string, name: string): KeyObject {
  const { label, der } = blockOf(pem, name);
  try {
    return createPrivateKey({ key: der, format: "der", type: FORMS[label] ?? "pkcs8" });
  } catch (cause) {
    throw notKey(name, cause);
  }
}

/**
 * Only the key of a file, for a library that takes only PEM.
 * @param name the file the PEM came from, for the error
 * @throws CtrlExecError `config` when there is none
 */
export function privateKeyAlone(pem: string, name: string): string {
  return writePem(blockOf(pem, name));
}

function blockOf(pem: string, name: string): PemBlock {
  try {
    return privateKeyIn(pem);
  } catch (cause) {
    throw notKey(name, cause, ` (${messageOf(cause)})`);
  }
}

function notKey(name: string, cause: unknown, why = ""): CtrlExecError {
  return new CtrlExecError("config", `Cannot read ${name}: not a PEM private key${why}`, { cause });
}

/**
 * Whether a certificate is for this private key.
 * @param name the file the PEM came from, for the error
 * @throws CtrlExecError `config` when it is not a private key
 */
export function fitsKey(certificate: CertificateFacts, pem: string, name: string): boolean {
  return publicKeyBytes(readPrivateKey(pem, name)).equals(certificate.publicKey);
}

/** The public half as DER (SubjectPublicKeyInfo): equal if two keys are the same. */
export function publicKeyBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}
