/** Whether a certificate that the controller sends may replace the agent's own. */
import { CtrlExecError } from "../../core/errors.ts";
import { validityProblem } from "../../core/validity.ts";
import type { RenewCompleteRequest } from "../../core/wire/messages/renew.ts";
import {
  type CertificateFacts,
  isSignedBy,
  ownName,
  readCertificate,
  speaksFor,
} from "../../pki/certificate.ts";

/**
 * A renewal has the same host, the same key and the same CA, with new dates, and nothing else. @throws CtrlExecError
 * `untrusted` that says what differs
 */
export function checkRenewed(
  offer: RenewCompleteRequest,
  present: { readonly certificate: CertificateFacts; readonly ca: CertificateFacts },
  now: Date,
): CertificateFacts {
  const wrong = (what: string) =>
    new CtrlExecError("untrusted", `Cannot take the new certificate: ${what}`);
  const certificate = read(offer.cert, "the certificate");
  if (offer.ca !== undefined && read(offer.ca, "the CA").fingerprint !== present.ca.fingerprint) {
    throw wrong("it comes with another CA");
  }
  if (!isSignedBy(certificate, present.ca)) throw wrong("this agent's CA did not sign it");
  if (!certificate.publicKey.equals(present.certificate.publicKey)) {
    throw wrong("it is for another key");
  }
  if (!speaksFor(certificate, ownName(present.certificate))) throw wrong("it is for another host");
  if (certificate.isCa) throw wrong("it is a CA's");
  // A control host whose clock is ahead renews too early, and nobody could call here until the certificate
  // begins.
  const invalid = validityProblem(certificate, now);
  if (invalid !== undefined) throw wrong(`it ${invalid}`);
  return certificate;
}

function read(pem: string, what: string): CertificateFacts {
  try {
    return readCertificate(pem, what);
  } catch (cause) {
    throw new CtrlExecError(
      "untrusted",
      `Cannot take the new certificate: ${what} cannot be read`,
      {
        cause,
      },
    );
  }
}
