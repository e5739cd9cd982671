/** The control host's new certificate, which is sent with its serial (docs/PROTOCOL.md, section 2). */
import { readSerialLine } from "../../core/serial.ts";
import { validityProblem } from "../../core/validity.ts";
import { type CertificateFacts, isSignedBy, readCertificate } from "../../pki/certificate.ts";
import { formOf } from "../../pki/whose-certificate.ts";

export interface Offer {
  /** PEM. */
  readonly cert: string;
  /** The arguments for the program that stores the serial. */
  readonly args: readonly string[];
}

/**
 * Why the serial must not be stored; undefined if the certificate is a control host's, valid here and now, and
 * has that serial (T63, T68).
 *
 * @param ca the CA in force here
 */
export function offerProblem(
  { cert, args }: Offer,
  ca: CertificateFacts,
  now: Date,
): string | undefined {
  let certificate: CertificateFacts;
  try {
    certificate = readCertificate(cert, "the new certificate");
  } catch {
    return "what was sent as the control host's new certificate is not a certificate";
  }
  const { commonName, serial, isCa } = certificate;
  if (!isSignedBy(certificate, ca)) return "this agent's CA did not sign the new certificate";
  if (isCa) return "the new certificate is a CA's";
  if (formOf(certificate) !== "control-host") {
    return `the new certificate is that of ${commonName || "nobody"}, not the control host's`;
  }
  if (args.length !== 1 || readSerialLine(args[0] ?? "") !== serial) {
    return "the serial is not that of the new certificate";
  }
  const invalid = validityProblem(certificate, now);
  return invalid === undefined ? undefined : `the new certificate ${invalid}`;
}
