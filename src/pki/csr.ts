/** Certificate requests, which agents make and the controller judges. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { CtrlExecError, messageOf } from "../core/errors.ts";
import { sameHostName } from "../core/net/host-name.ts";
import { requestIn } from "./pem.ts";
import { type CertificationRequest, readRequest, SIGNATURES, soleCommonName } from "./pkcs10.ts";

/** A PEM request for the host name, signed by the key, with nothing else in it. */
export async function createCsr(hostname: string, key: KeyObject): Promise<string> {
  const { signingPair } = await import("./signing.ts");
  const { x509 } = await import("./x509-library.ts");
  const { keys, algorithm } = await signingPair(key);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [hostname] }],
    keys,
    signingAlgorithm: algorithm,
  });
  return `${request.toString("pem")}\n`;
}

export interface JudgedCsr {
  /** SubjectPublicKeyInfo, DER: the only part of a request that reaches a certificate. */
  readonly publicKey: Buffer;
  /** For people: `EC P-256`, `RSA 4096`, `Ed25519`. */
  readonly keyDescription: string;
}

/**
 * Accepts a request only if its self-signature verifies, its key is strong enough and its subject is exactly
 * the host name.
 *
 * @param pem as received from a stranger
 * @throws CtrlExecError `bad-request` that says which of these fails
 */
export function judgeCsr(pem: string, hostname: string): JudgedCsr {
  const request = parseRequest(pem);
  const publicKey = readPublicKey(request.publicKey);
  const keyDescription = describeAcceptedKey(publicKey);
  if (!verifies(request, publicKey)) throw refused("its signature does not match its key");
  const name = soleCommonName(request.subject);
  if (name === undefined) throw refused("its subject is not a single common name");
  if (!sameHostName(name, hostname)) throw refused("its subject is another host");
  return { publicKey: publicKey.export({ type: "spki", format: "der" }), keyDescription };
}

function parseRequest(pem: string): CertificationRequest {
  let der: Buffer;
  try {
    der = requestIn(pem);
  } catch (cause) {
    throw refused(messageOf(cause), cause);
  }
  const request = readRequest(der);
  if (request === undefined) throw refused("it is not a PKCS#10 request");
  return request;
}

/** A key of a type that the library does not know cannot be accepted either. */
function readPublicKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: "der", type: "spki" });
  } catch (cause) {
    throw refused(KEY_RULE, cause);
  }
}

function verifies({ signed, algorithm, signature }: CertificationRequest, key: KeyObject): boolean {
  const known = SIGNATURES.find(({ der }) => der.equals(algorithm));
  if (known === undefined || known.keyType !== key.asymmetricKeyType) return false;
  try {
    return verify(known.hash, signed, key, signature);
  } catch {
    return false;
  }
}

const KEY_RULE = "its key is not RSA of 2048 to 8192 bits, ECDSA P-256 or P-384, or Ed25519";

function describeAcceptedKey(key: KeyObject): string {
  const details = key.asymmetricKeyDetails;
  const bits = details?.modulusLength ?? 0;
  if (key.asymmetricKeyType === "rsa" && bits >= 2048 && bits <= 8192) return `RSA ${bits}`;
  if (details?.namedCurve === "prime256v1") return "EC P-256";
  if (details?.namedCurve === "secp384r1") return "EC P-384";
  if (key.asymmetricKeyType === "ed25519") return "Ed25519";
  throw refused(KEY_RULE);
}

function refused(why: string, cause?: unknown): CtrlExecError {
  return new CtrlExecError("bad-request", `Cannot accept the certificate request: ${why}`, {
    cause,
  });
}
