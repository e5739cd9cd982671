/** The answer to a caller whose serial is not the control host's, and what the log says about it. */
import { callerNetwork } from "../../core/net/caller-network.ts";
import { VERSION } from "../../core/version.ts";
import type { AgentState } from "../state/state.ts";
import {
  type AgentContext,
  type AgentReply,
  type AgentRequest,
  type Caller,
  refusal,
  requestIdIn,
} from "./endpoint.ts";

const MISMATCH = { error: "serial mismatch", status: "forbidden" };

/**
 * docs/PROTOCOL.md, section 2: /capabilities says less than the others.
 *
 * @param reason for the log, if more than the serial is wrong
 */
export function refuseSerial(
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
      return { status: 403, body: { ...MISMATCH, version: VERSION } };
    }
    log({ event: "serial-reject", peer: ip, reason, reqid: requestIdIn(body) });
    return { status: 403, body: MISMATCH };
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
