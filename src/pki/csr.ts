/** Certificate requests: made by an agent, judged by the controller. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { CtrlExecError } from "../core/errors.ts";
import { sameHostName } from "../core/host-name.ts";
import { signingPair } from "./signing.ts";
import { x509 } from "./x509-library.ts";

/** A PEM request for the host name, signed by the key, with nothing else in it. */
export async function createCsr(hostname: string, key: KeyObject): Promise<string> {
  const { keys, algorithm } = await signingPair(key);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [hostname] }],
    keys,
    signingAlgorithm: algorithm,
  });
  return `${request.toString("pem")}\n`;
}

export interface JudgedCsr {
  /** SubjectPublicKeyInfo, DER: the only thing that passes from a request to a certificate. */
  readonly publicKey: Buffer;
  /** As a person reads it: `EC P-256`, `RSA 4096`, `Ed25519`. */
  readonly keyDescription: string;
}

/**
 * Accepts a request only when its self-signature verifies, its key is strong enough and its subject
 * is exactly the one host name (DESIGN, "Trust, in one place").
 *
 * @throws CtrlExecError `bad-request` that says which of these fails
 */
export async function judgeCsr(pem: string, hostname: string): Promise<JudgedCsr> {
  const request = parseRequest(pem);
  const publicKey = readPublicKey(Buffer.from(request.publicKey.rawData));
  const keyDescription = describeAcceptedKey(publicKey);
  if (!(await verifies(request))) throw refused("its signature does not fit its key");
  const names = request.subjectName.toJSON();
  const only = names.length === 1 ? names[0] : undefined;
  const commonNames = only === undefined ? [] : Object.entries(only);
  const [attribute] = commonNames;
  if (commonNames.length !== 1 || attribute?.[0] !== "CN" || attribute[1].length !== 1) {
    throw refused("its subject is not a single common name");
  }
  if (!sameHostName(attribute[1][0] ?? "", hostname)) throw refused("its subject is another host");
  return { publicKey: publicKey.export({ type: "spki", format: "der" }), keyDescription };
}

function parseRequest(pem: string): InstanceType<typeof x509.Pkcs10CertificateRequest> {
  try {
    const blocks = x509.PemConverter.decode(pem);
    const [der] = blocks;
    if (blocks.length === 1 && der !== undefined) return new x509.Pkcs10CertificateRequest(der);
  } catch (cause) {
    throw refused("it is not a PKCS#10 request in PEM", cause);
  }
  throw refused("it is not one PEM block");
}

/** A key of a kind that the library does not know cannot be accepted either. */
function readPublicKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: "der", type: "spki" });
  } catch (cause) {
    throw refused(KEY_RULE, cause);
  }
}

async function verifies(
  request: InstanceType<typeof x509.Pkcs10CertificateRequest>,
): Promise<boolean> {
  try {
    return await request.verify();
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
