/** Decides on pairing requests: signs and registers what the operator approves. */
import { CtrlExecError } from "../../core/errors.ts";
import { judgeCsr } from "../../pki/csr.ts";
import type { Controller } from "../control-host.ts";
import type { HowToCall } from "../inventory/agents.ts";
import { requireRightClock } from "../inventory/clock-check.ts";
import type { HostContext } from "../store/host.ts";
import type { PendingRequest } from "../store/ports/pairing.ts";
import type { Writer } from "../store/ports.ts";
import { leaveDenial, requirePending } from "./queue.ts";
import { type Approval, registerHost } from "./register-host.ts";

/** What the operator may set at approval; undefined means what the request or the connection says. */
export interface ApprovalOptions extends HowToCall {
  /** Go on although other hosts' clocks disagree with this one's. */
  readonly force?: boolean | undefined;
}

/** The error for a code that is not the request's; the request is then denied. */
function wrongCode({ hostname }: PendingRequest, code: string): CtrlExecError {
  return new CtrlExecError(
    "untrusted",
    `Cannot approve ${hostname}: ${code} is not the code of this request`,
    { hint: "The request is denied and gone. Let the host ask again, and compare the codes." },
  );
}

/**
 * The error for a code typed for a request whose code proves nothing: an attacker between the two hosts can make a
 * request with the code on the agent's screen (T07). The request goes on waiting.
 */
function codeProvesNothing({ hostname }: PendingRequest): CtrlExecError {
  return new CtrlExecError(
    "untrusted",
    `Cannot approve ${hostname} by its code: it covers the request alone, and can be forged`,
    {
      hint: [
        "It was not decided. Compare the CA fingerprint on the agent's screen with this host's, which",
        "pairing-mode shows, and the codes; then approve the request without --code.",
      ].join("\n"),
    },
  );
}

/**
 * Signs the request, registers the agent and leaves the answer for the waiting connection.
 *
 * @param code what the operator read on the agent's screen; a wrong one denies the request, so that nobody can
 * try twice (T07); undefined if the operator has compared
 * @throws CtrlExecError `not-found` if no such request waits, `untrusted` for a wrong code, for any code if the
 * request's code covers the request alone, and if this host's clock seems wrong
 */
export async function approveRequest(
  controller: Controller,
  id: string,
  options: ApprovalOptions = {},
  code?: string,
): Promise<Approval> {
  await requireRightClock(controller, "approve it", options.force === true);
  const outcome = await controller.store.exclusively(async (writer) => {
    const request = await requirePending(controller, id);
    if (code === undefined || (request.code_covers === "both" && code === request.code)) {
      return await admit(controller, writer, request, options);
    }
    if (request.code_covers !== "both") throw codeProvesNothing(request);
    await leaveDenial(controller, writer, request, "wrong confirmation code");
    return wrongCode(request, code);
  });
  // Not before: the denial has to last, or the code could be tried again (T07).
  if (outcome instanceof CtrlExecError) throw outcome;
  return outcome;
}

/** Signs for the host, registers it and leaves its answer. */
async function admit(
  controller: HostContext,
  writer: Writer,
  request: PendingRequest,
  options: ApprovalOptions,
): Promise<Approval> {
  const host = {
    hostname: request.hostname,
    ip: options.ip ?? request.ip,
    port: options.port ?? request.port,
    lookupBy: options.lookupBy,
    publicKey: judgeCsr(request.csr, request.hostname).publicKey,
    nonce: request.nonce,
    reqid: request.id,
    report: { version: request.version, tags: request.tags },
  };
  // Tags are the operator's statement about the name, and the operator has just given it to this host.
  const { answer, ...approval } = await registerHost(controller, writer, host, (tags) => tags);
  await writer.answerRequest(request.id, answer);
  controller.log({ event: "pair-approve", agent: request.hostname, reqid: request.id });
  return approval;
}

/** @throws CtrlExecError `not-found` if no such request waits */
export async function denyRequest(controller: HostContext, id: string): Promise<PendingRequest> {
  return await controller.store.exclusively(async (writer) => {
    const request = await requirePending(controller, id);
    await leaveDenial(controller, writer, request, "rejected by operator");
    return request;
  });
}
