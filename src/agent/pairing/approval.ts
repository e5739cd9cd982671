/** Judges an approval before it is stored. */
import { readSerialLine } from "../../core/serial.ts";
import { validityProblem } from "../../core/validity.ts";
import type { ApprovalAnswer } from "../../core/wire/messages/pairing.ts";
import {
  type CertificateFacts,
  isSignedBy,
  readCertificate,
  speaksFor,
} from "../../pki/certificate.ts";
import { fitsKey } from "../../pki/keys.ts";
import type { Enrolled } from "../trust/identity-files.ts";
import { cannotPair } from "./messages.ts";

/** What the agent has asked for. */
export interface Wanted {
  readonly hostname: string;
  readonly keyPem: string;
  /** 32 hex digits. */
  readonly nonce: string;
  readonly caFingerprint: string | undefined;
  now(): Date;
}

const NOTHING_CHANGED =
  "Nothing was stored: if this host was paired before, it still is. Set the clock right and pair again.";

/** Every part of an approval must match the others and what we asked for (T07). */
export function checkApproval(
  answer: ApprovalAnswer,
  controlHost: CertificateFacts,
  options: Wanted,
  address: string,
): Enrolled {
  const wrong = (what: string) =>
    cannotPair(address, `its answer is not for this request: ${what}`);
  const read = (pem: string, name: string) => {
    try {
      return readCertificate(pem, name);
    } catch {
      throw wrong(`its ${name} cannot be read`);
    }
  };
  const ca = read(answer.ca, "CA certificate");
  const certificate = read(answer.cert, "certificate");
  if (!fitsKey(certificate, options.keyPem, "the new key")) {
    throw wrong("a certificate for another key");
  }
  if (!isSignedBy(certificate, ca)) throw wrong("a certificate that its CA did not sign");
  if (!speaksFor(certificate, options.hostname)) throw wrong("a certificate for another host");
  // It would replace one that works (T68).
  const invalid = validityProblem(certificate, options.now()) ?? validityProblem(ca, options.now());
  if (invalid !== undefined) {
    throw cannotPair(address, `the certificate that it sends ${invalid}`, NOTHING_CHANGED);
  }
  if (!isSignedBy(controlHost, ca)) {
    throw wrong("a CA that did not sign the control host's own certificate");
  }
  if (options.caFingerprint !== undefined && ca.fingerprint !== options.caFingerprint) {
    throw wrong("a CA with another fingerprint");
  }
  const controllerSerial = readSerialLine(answer.dispatcher_serial);
  if (controllerSerial === undefined) throw wrong("no serial of the control host");
  return { certPem: answer.cert, ca, controllerSerial };
}
