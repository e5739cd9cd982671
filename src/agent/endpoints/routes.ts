/** Who may call which endpoint: only the stored controller, and only what this table lists (T04). */
import { callerNetwork } from "../../core/net/caller-network.ts";
import type { CertificateIdentity } from "../../pki/certificate.ts";
import type { AgentState } from "../state/state.ts";
import { capabilities } from "./capabilities.ts";
import {
  type AgentContext,
  type AgentReply,
  type AgentRequest,
  type Endpoint,
  refusal,
  requestIdIn,
} from "./endpoint.ts";
import { ping } from "./ping.ts";
import { renew } from "./renew.ts";
import { renewComplete } from "./renew-complete.ts";
import { run } from "./run.ts";

const ROUTES: ReadonlyMap<string, Endpoint> = new Map([
  ["POST /run", run],
  ["POST /ping", ping],
  ["GET /capabilities", capabilities],
  ["POST /renew", renew],
  ["POST /renew-complete", renewComplete],
]);

/** A caller whose certificate this CA signed and which is not revoked. */
export interface Caller {
  readonly ip: string;
  readonly certificate: CertificateIdentity;
  /** It calls from this host itself. */
  readonly local: boolean;
}

/** @param route method and request target, exactly as received */
export async function answerRoute(
  context: AgentContext,
  caller: Caller,
  route: string,
  request: AgentRequest,
): Promise<AgentReply> {
  // Checked at the door as well; a connection that is kept open must not outlive its revocation (T02).
  const { trust } = context.state;
  const { serial } = caller.certificate;
  if (trust.revoked.has(serial)) {
    context.log({ event: "revoked-cert", peer: caller.ip, serial });
    return refusal(403, "certificate revoked");
  }
  const judged = trust.controller.judge(caller.certificate);
  if (judged.kind === "refused") {
    return refuseSerial(context, caller, judged.reason, route, request);
  }
  const endpoint = ROUTES.get(route);
  return endpoint === undefined ? refusal(404, "not found") : await endpoint(context, request);
}

/**
 * docs/PROTOCOL.md, section 2: /capabilities says less than the others.
 *
 * @param reason for the log, if more than the serial is wrong
 */
function refuseSerial(
  { state, log, quiet }: AgentContext,
  caller: Caller,
  reason: string | undefined,
  route: string,
  { body }: AgentRequest,
): AgentReply {
  const { ip, certificate } = caller;
  if (route !== "GET /capabilities") {
    if (reason === undefined && route === "POST /ping" && isItself(state, caller)) {
      const kind = `self-ping ${callerNetwork(ip)}`;
      quiet.event(kind, performance.now(), { event: "self-ping", peer: ip });
    } else {
      log({ event: "serial-reject", peer: ip, reason, reqid: requestIdIn(body) });
    }
    return { status: 403, body: { error: "serial mismatch", status: "forbidden" } };
  }
  if (!state.trust.controller.known) {
    log({ event: "capabilities-no-serial", peer: ip, reason: "no stored serial" });
  } else {
    log({
      event: "capabilities-deny",
      peer: ip,
      peerSerial: certificate.serial,
      reason: reason ?? "serial mismatch",
    });
  }
  return refusal(403, "forbidden");
}

/**
 * `self-ping` calls from this host with this agent's own certificate. It is refused like any other caller, but
 * is harmless. The same certificate from elsewhere means a stolen key.
 */
function isItself({ trust }: AgentState, { certificate, local }: Caller): boolean {
  return local && certificate.serial === trust.identity.certificate.serial;
}
