/**
 * The agent's side of pairing (docs/PROTOCOL.md, section 1): a key, a CSR, one connection held throughout, and an
 * answer that is accepted only if everything in it matches (T07).
 */

import type { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import type { Confirmation } from "../../core/wire/confirmation-code.ts";
import { formatHttpRequest } from "../../core/wire/http-message.ts";
import { pairingAnswer, pairingPending } from "../../core/wire/messages/pairing.ts";
import type { SelfReport } from "../self-report.ts";
import type { Enrolled } from "../trust/identity-files.ts";
import { checkApproval } from "./approval.ts";
import { CodeAgreement } from "./code-agreement.ts";
import { type ControlHost, connectTo } from "./control-host.ts";
import { cannotPair, MessageReader, readAs } from "./messages.ts";

const CONNECT_MS = 10_000;

export interface PairingOptions {
  readonly controller: string;
  readonly port: number;
  readonly hostname: string;
  /** The port on which this agent serves. */
  readonly servePort: number;
  /** Only for a control host that exchanges values for the code: earlier ones do not know it. */
  readonly report: SelfReport;
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

async function exchange(
  controller: ControlHost,
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
    report: options.report,
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
  return {
    kind: "approved",
    enrolled: checkApproval(answer, controller.certificate, options, address),
    reqid,
  };
}

/**
 * What to do about each reason (docs/PROTOCOL.md, section 1). A Map, because the reason comes from the other
 * side.
 */
const REFUSAL_HINTS = new Map([
  [
    "pairing queue full",
    "Other requests are waiting there. Its operator must decide on them (ctrl-exec list-requests); then try again.",
  ],
  ["invalid request", "Since 1.0, a control host says why in its log: ACTION=pair-reject."],
]);

function refused(address: string, reason: string): CtrlExecError {
  return cannotPair(address, `it refuses the request: ${reason}`, REFUSAL_HINTS.get(reason));
}
