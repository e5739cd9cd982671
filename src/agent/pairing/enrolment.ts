/**
 * The agent's side of pairing (docs/PROTOCOL.md, section 1): a key, a CSR, one connection held throughout, and
 * an answer that is accepted only if everything in it fits (T07).
 */

import { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import { forOneLine } from "../../core/text.ts";
import { validityProblem } from "../../core/validity.ts";
import type { Confirmation } from "../../core/wire/confirmation-code.ts";
import { formatHttpRequest } from "../../core/wire/http-message.ts";
import {
  type PairingAnswer,
  pairingAnswer,
  pairingPending,
} from "../../core/wire/messages/pairing.ts";
import {
  type CertificateFacts,
  factsOf,
  isSignedBy,
  readCertificate,
  readDerCertificate,
  speaksFor,
} from "../../pki/certificate.ts";
import { fitsKey } from "../../pki/keys.ts";
import { formOf } from "../../pki/whose-certificate.ts";
import type { Connection } from "../../system/net/connection.ts";
import { dial, unreachable } from "../../system/net/dial.ts";
import { CodeAgreement } from "./code-agreement.ts";
import { cannotPair, MessageReader, readAs } from "./messages.ts";

const CONNECT_MS = 10_000;

export interface PairingOptions {
  readonly controller: string;
  readonly port: number;
  readonly hostname: string;
  /** The port on which this agent serves. */
  readonly servePort: number;
  readonly keyPem: string;
  readonly csrPem: string;
  /** 32 hex digits. */
  readonly nonce: string;
  /** `sha256:<hex>` of the controller's CA; checked before anything is sent. */
  readonly caFingerprint: string | undefined;
  /** How long to wait for the operator. */
  readonly waitMs: number;
  now(): Date;
  /** Called when the controller has taken the request. */
  onPending(pending: Pending): void;
}

/** What a person compares with the control host's screen. */
export interface Pending extends Confirmation {
  readonly reqid: string;
  /** The CA that came in the handshake; undefined from 0.8, which does not send it. */
  readonly caFingerprint: string | undefined;
}

export interface Enrolled {
  readonly certPem: string;
  readonly ca: CertificateFacts;
  readonly controllerSerial: Serial;
}

export type PairingOutcome =
  | { readonly kind: "approved"; readonly enrolled: Enrolled; readonly reqid: string }
  | { readonly kind: "denied"; readonly reason: string; readonly reqid: string }
  | { readonly kind: "timeout"; readonly reqid: string };

/** @throws CtrlExecError if the controller cannot be reached, is not the expected one, or answers wrongly */
export async function pair(options: PairingOptions): Promise<PairingOutcome> {
  const address = formatHostPort(options.controller, options.port);
  const controller = await connectTo(options, address);
  try {
    return await exchange(controller, options, address);
  } finally {
    controller.connection.close();
  }
}

interface Controller {
  readonly connection: Connection;
  readonly certificate: CertificateFacts;
  /** The CA that the control host shows; undefined if it shows none that signed its certificate. */
  readonly ca: CertificateFacts | undefined;
}

async function connectTo(options: PairingOptions, address: string): Promise<Controller> {
  const { controller: host, port } = options;
  try {
    // The chain cannot be verified yet: the CA arrives with the answer. Instead there is the fingerprint, or
    // the operator's comparison of codes.
    const way = { host, port, credential: {}, timeoutMs: CONNECT_MS, mayBeAnybody: true };
    const { connection, peer } = await dial(way);
    const certificate = factsOf(peer);
    const ca = caInHandshake(connection, certificate);
    try {
      checkControlHost(certificate, address);
      if (options.caFingerprint !== undefined) checkExpectedCa(ca, options.caFingerprint, address);
    } catch (thrown) {
      connection.close();
      throw thrown;
    }
    return { connection, certificate, ca };
  } catch (thrown) {
    throw unreachable(thrown, { listener: "controller", address, attempt: "Cannot pair" });
  }
}

/** The controller sends its CA along; one that did not sign its certificate proves nothing. */
function caInHandshake(
  connection: Connection,
  leaf: CertificateFacts,
): CertificateFacts | undefined {
  const issuer = connection.issuerShown();
  if (issuer === undefined) return undefined;
  let ca: CertificateFacts;
  try {
    ca = readDerCertificate(issuer, "the CA in the handshake");
  } catch {
    return undefined;
  }
  return ca.fingerprint !== leaf.fingerprint && isSignedBy(leaf, ca) ? ca : undefined;
}

/**
 * The CA signs agents too, and an agent must not pose as the control host: it would show the right CA to anyone
 * who compares fingerprints (T07). Certificates of 0.8 have no name that could tell.
 *
 * @throws CtrlExecError `untrusted`, before anything is sent
 */
function checkControlHost(certificate: CertificateFacts, address: string): void {
  if (formOf(certificate) !== "agent") return;
  throw new CtrlExecError("untrusted", `Cannot pair: ${address} is not a control host`, {
    hint: `It shows the certificate of ${forOneLine(certificate.commonName)}. Nothing was sent to it.`,
  });
}

/** @throws CtrlExecError `untrusted`, before anything is sent */
function checkExpectedCa(
  ca: CertificateFacts | undefined,
  fingerprint: string,
  address: string,
): void {
  if (ca === undefined) {
    throw new CtrlExecError("untrusted", `Cannot pair: ${address} does not send its CA`, {
      hint: "A control host of 0.8 does not. Without --ca-fingerprint, this agent shows the CA when it is paired: compare it then.",
    });
  }
  if (ca.fingerprint === fingerprint) return;
  throw new CtrlExecError(
    "untrusted",
    `Cannot pair: the CA of ${address} is not the expected one`,
    {
      hint: `Expected ${fingerprint}\nFound    ${ca.fingerprint}\nNothing was sent to it.`,
    },
  );
}

async function exchange(
  controller: Controller,
  options: PairingOptions,
  address: string,
): Promise<PairingOutcome> {
  const { connection, certificate, ca } = controller;
  const messages = new MessageReader(connection, address);
  const taken = async () => {
    const answer = readAs(pairingPending, await messages.next(CONNECT_MS), address);
    if (answer === undefined) throw cannotPair(address, "it does not answer");
    if (answer.status === "error") throw refused(address, answer.reason);
    return answer;
  };
  const agreement = new CodeAgreement({
    csr: options.csrPem,
    certificate: certificate.x509.raw,
    address,
    send: (message) => void connection.write(message),
    async untilTaken(reqid) {
      if ((await taken()).reqid !== reqid) {
        throw cannotPair(address, "its second answer is for another request");
      }
    },
  });
  const request = JSON.stringify({
    hostname: options.hostname,
    csr: options.csrPem,
    nonce: options.nonce,
    port: options.servePort,
    commitment: agreement.commitment,
  });
  void connection.write(formatHttpRequest("/pair", address, request));
  const { reqid, value } = await taken();
  const confirmation = await agreement.conclude(reqid, value);
  options.onPending({ reqid, ...confirmation, caFingerprint: ca?.fingerprint });
  const answer = readAs(pairingAnswer, await messages.next(options.waitMs), address);
  if (answer === undefined) return { kind: "timeout", reqid };
  if (answer.nonce !== undefined && answer.nonce !== options.nonce) {
    throw cannotPair(address, "its answer is not for this request: another nonce");
  }
  if (answer.status === "denied") return { kind: "denied", reason: answer.reason, reqid };
  return { kind: "approved", enrolled: checkAnswer(answer, controller, options, address), reqid };
}

const NOTHING_CHANGED =
  "Nothing was stored: if this host was paired before, it still is. Set the clock right and pair again.";

/** Every part of an approval must fit the others and what we asked for (T07). */
function checkAnswer(
  answer: Extract<PairingAnswer, { status: "approved" }>,
  controller: Controller,
  options: PairingOptions,
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
  if (!isSignedBy(controller.certificate, ca)) {
    throw wrong("a CA that did not sign the control host's own certificate");
  }
  if (options.caFingerprint !== undefined && ca.fingerprint !== options.caFingerprint) {
    throw wrong("a CA with another fingerprint");
  }
  const controllerSerial = readSerialLine(answer.dispatcher_serial);
  if (controllerSerial === undefined) throw wrong("no serial of the control host");
  return { certPem: answer.cert, ca, controllerSerial };
}

/**
 * What to do about each reason (docs/PROTOCOL.md, section 1). A Map, because the reason comes from the other
 * side.
 */
const REFUSAL_HINTS = new Map([
  [
    "pairing queue full",
    "Other requests wait there: its operator decides on them (ctrl-exec list-requests); then try again.",
  ],
  ["invalid request", "A control host since 1.0 says why in its log: ACTION=pair-reject."],
]);

function refused(address: string, reason: string): CtrlExecError {
  return cannotPair(address, `it refuses the request: ${reason}`, REFUSAL_HINTS.get(reason));
}
