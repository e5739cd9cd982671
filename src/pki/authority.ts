/** The private CA: its own certificate, and the certificates it signs. */
import type { KeyObject } from "node:crypto";
import { addDays } from "../core/time.ts";
import type { CertificateFacts } from "./certificate.ts";
import { caSigningPair } from "./signing.ts";
import { x509 } from "./x509-library.ts";

const CA_DAYS = 3650;

/** Serials are 16 random octets, positive and never zero (RFC 5280 section 4.1.2.2). */
export function serialFrom(random: Uint8Array): string {
  const octets = Buffer.from(random.subarray(0, 16));
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40;
  return octets.toString("hex");
}

export interface CaOptions {
  readonly name: string;
  readonly key: KeyObject;
  readonly now: Date;
  /** Seconds by which the certificate is backdated, for hosts whose clocks are behind (T08). */
  readonly backdate: number;
  readonly serial: string;
}

/** A self-signed CA certificate, PEM. */
export async function createCaCertificate(options: CaOptions): Promise<string> {
  const { keys, algorithm } = await caSigningPair(options.key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: options.serial,
    name: [{ CN: [options.name] }],
    notBefore: backdated(options),
    notAfter: addDays(options.now, CA_DAYS),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

export interface IssueOptions {
  readonly commonName: string;
  /** SubjectPublicKeyInfo, DER. Nothing else from a request reaches the certificate. */
  readonly publicKey: Buffer;
  readonly ca: CertificateFacts;
  readonly caKey: KeyObject;
  readonly days: number;
  readonly now: Date;
  /** Seconds, as in CaOptions. */
  readonly backdate: number;
  readonly serial: string;
}

/** A host certificate, PEM, for client and server use: agents and controllers are both. */
export async function issueCertificate(options: IssueOptions): Promise<string> {
  const { keys, algorithm } = await caSigningPair(options.caKey);
  const publicKey = new x509.PublicKey(new Uint8Array(options.publicKey));
  const issuer = new x509.X509Certificate(new Uint8Array(options.ca.x509.raw));
  const wanted = addDays(options.now, options.days);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: options.serial,
    // Byte for byte: a 0.8 CA may use string types that a re-encoding would change.
    issuer: issuer.subjectName,
    subject: [{ CN: [options.commonName] }],
    notBefore: backdated(options),
    notAfter: wanted > options.ca.notAfter ? options.ca.notAfter : wanted,
    publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: options.commonName }]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await authorityKeyId(issuer, keys.publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

/** The CA's key identifier (RFC 5280 section 4.2.1.1); for a CA without one, the hash. */
async function authorityKeyId(
  ca: InstanceType<typeof x509.X509Certificate>,
  publicKey: CryptoKey,
): Promise<InstanceType<typeof x509.AuthorityKeyIdentifierExtension>> {
  const own = ca.getExtension(x509.SubjectKeyIdentifierExtension);
  return own === null
    ? await x509.AuthorityKeyIdentifierExtension.create(publicKey)
    : new x509.AuthorityKeyIdentifierExtension(own.keyId);
}

function backdated({ now, backdate }: { readonly now: Date; readonly backdate: number }): Date {
  return new Date(now.getTime() - backdate * 1000);
}
