/** A certificate's contents, read with Bun's own classes, so that `run` and `ping` need no X.509 library. */
import { X509Certificate } from "node:crypto";
import { CtrlExecError, messageOf } from "../core/errors.ts";
import { sameHostName } from "../core/net/host-name.ts";
import { type Serial, serialFromHex } from "../core/serial.ts";
import { SEQUENCE, soleDer } from "./der.ts";
import { certificatesIn, writeCertificate } from "./pem.ts";

/** Which certificate it is and whom it names: all that matters for a peer whose chain is verified. */
export interface CertificateIdentity {
  readonly serial: Serial;
  /** Common name of the subject; empty if it has none. */
  readonly commonName: string;
  /** DNS names of the subject alternative name extension. */
  readonly dnsNames: readonly string[];
}

export interface CertificateFacts extends CertificateIdentity {
  readonly pem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
  /** `sha256:` and 64 lower-case hex digits over the DER. */
  readonly fingerprint: string;
  readonly isCa: boolean;
  readonly x509: X509Certificate;
}

/**
 * The first certificate of a PEM text.
 * @param name where it came from, for the error
 * @throws CtrlExecError `config` when it is not a certificate
 */
export function readCertificate(pem: string, name: string): CertificateFacts {
  return readDer(blocksOf(pem, name)[0], name);
}

/**
 * Only the certificates of a PEM text, for a library that takes only PEM.
 * @param name where it came from, for the error
 * @throws CtrlExecError `config` when there is none
 */
export function certificatesAlone(pem: string, name: string): string {
  return blocksOf(pem, name).map(writeCertificate).join("");
}

function blocksOf(pem: string, name: string): readonly [Buffer, ...Buffer[]] {
  try {
    return certificatesIn(pem);
  } catch (cause) {
    throw notCertificate(name, cause, ` (${messageOf(cause)})`);
  }
}

/** @throws CtrlExecError `config` when it is not a certificate */
export function readDerCertificate(der: Buffer, name: string): CertificateFacts {
  if (soleDer(der, SEQUENCE) === undefined) throw notCertificate(name);
  return readDer(der, name);
}

function readDer(der: Buffer, name: string): CertificateFacts {
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(der);
  } catch (cause) {
    throw notCertificate(name, cause);
  }
  try {
    return factsOf(x509);
  } catch (cause) {
    throw new CtrlExecError("config", `Cannot use ${name}: its key is of an unknown kind`, {
      cause,
    });
  }
}

function notCertificate(name: string, cause?: unknown, why = ""): CtrlExecError {
  return new CtrlExecError("config", `Cannot read ${name}: not a certificate${why}`, { cause });
}

/** @throws Error if the library does not know the type of its key */
export function factsOf(x509: X509Certificate): CertificateFacts {
  return {
    pem: writeCertificate(x509.raw),
    ...identityOf(x509),
    notBefore: new Date(x509.validFrom),
    notAfter: new Date(x509.validTo),
    publicKey: x509.publicKey.export({ type: "spki", format: "der" }),
    fingerprint: `sha256:${x509.fingerprint256.replaceAll(":", "").toLowerCase()}`,
    isCa: x509.ca,
    x509,
  };
}

export function identityOf(x509: X509Certificate): CertificateIdentity {
  return {
    serial: serialFromHex(x509.serialNumber),
    commonName: commonNameOf(x509.subject),
    dnsNames: dnsNamesOf(x509.subjectAltName),
  };
}

/** @param subject undefined if it is empty, despite the published type */
function commonNameOf(subject: string | undefined): string {
  const line = subject?.split("\n").find((part) => part.startsWith("CN="));
  return line?.slice("CN=".length) ?? "";
}

function dnsNamesOf(subjectAltName: string | undefined): string[] {
  return (subjectAltName ?? "")
    .split(", ")
    .filter((entry) => entry.startsWith("DNS:"))
    .map((entry) => entry.slice("DNS:".length));
}

/** The host name that the certificate is for; certificates of 0.8 have only a common name. */
export function ownName({ dnsNames, commonName }: CertificateIdentity): string {
  return dnsNames[0] ?? commonName;
}

/** Whether the certificate is for the host; certificates of 0.8 have only a common name. */
export function speaksFor(certificate: CertificateIdentity, hostname: string): boolean {
  const names = certificate.dnsNames.length > 0 ? certificate.dnsNames : [certificate.commonName];
  return names.some((name) => sameHostName(name, hostname));
}

/** Whether the CA's key signed it and the names chain (RFC 5280 section 6.1.3). */
export function isSignedBy(certificate: CertificateFacts, ca: CertificateFacts): boolean {
  try {
    return (
      certificate.x509.issuer === ca.x509.subject && certificate.x509.verify(ca.x509.publicKey)
    );
  } catch {
    return false;
  }
}

/** Reads `sha256:<64 hex>`, with or without colons or spaces between the octets; undefined otherwise. */
export function parseFingerprint(text: string): string | undefined {
  const match = /^sha256:([0-9a-f]{64})$/.exec(
    text
      .trim()
      .toLowerCase()
      .replace(/^sha256:/, "sha256=")
      .replaceAll(/[:\s]/g, "")
      .replace("=", ":"),
  );
  return match === null ? undefined : `sha256:${match[1]}`;
}
