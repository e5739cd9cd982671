/** The queue of pairing requests: which are accepted, which make room, and which wait. */
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { FairShares, type Holder, originOf } from "../../core/fair-share.ts";
import { pairedNameProblem } from "../../core/net/host-name.ts";
import { newRequestId } from "../../core/request-id.ts";
import { isoSeconds } from "../../core/time.ts";
import { ofRequestAlone } from "../../core/wire/confirmation-code.ts";
import { type PairingRequest, PUSHED_OUT } from "../../core/wire/messages/pairing.ts";
import { judgeCsr } from "../../pki/csr.ts";
import type { HostContext } from "../store/host.ts";
import type { PendingRequest } from "../store/ports/pairing.ts";
import type { Writer } from "../store/ports.ts";
import type { Exchanged } from "./code-exchange.ts";

/** Requests older than this are dropped (docs/PROTOCOL.md, section 4). */
export const REQUEST_LIFETIME_MS = 600_000;

/** The outcome of submitting a request; `invalid` is sent to the agent as "invalid request". */
export type Submission =
  | {
      readonly kind: "pending";
      readonly request: PendingRequest;
      /** The request that had to make room. */
      readonly pushedOut: PendingRequest | undefined;
    }
  | { readonly kind: "queue-full" }
  | { readonly kind: "invalid"; readonly why: string };

/**
 * Puts a request into the queue, if it is valid and there is room.
 *
 * @param agree makes its confirmation code; called if it is valid, before anybody sees it
 */
export async function submitRequest(
  controller: HostContext,
  asked: PairingRequest,
  ip: string,
  id = newRequestId(),
  agree: () => Promise<Exchanged> = async () => agreedAlone(asked),
): Promise<Submission> {
  const { config, now, store } = controller;
  const problem = pairedNameProblem(asked.hostname);
  if (problem !== undefined) return { kind: "invalid", why: problem };
  try {
    judgeCsr(asked.csr, asked.hostname);
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError)) throw thrown;
    return { kind: "invalid", why: thrown.message };
  }
  const exchanged = await agree();
  if (exchanged.kind === "failed") return { kind: "invalid", why: exchanged.why };
  const { code, covers } = exchanged.confirmation;
  return await store.exclusively(async (writer) => {
    const waiting = await listRequests(controller);
    const isFull = waiting.length >= config.pairing_max_queue;
    const pushedOut = isFull ? leastFair(waiting, ip) : undefined;
    if (isFull && pushedOut === undefined) return { kind: "queue-full" };
    const request: PendingRequest = {
      id,
      hostname: asked.hostname,
      ip,
      csr: asked.csr,
      nonce: asked.nonce,
      received: isoSeconds(now()),
      arrived: Math.max(now().getTime(), 1 + arrivalOf(waiting.at(-1))),
      code,
      code_covers: covers,
      port: asked.port,
      version: exchanged.report?.version,
      tags: exchanged.report?.tags,
    };
    await writer.addRequest(request);
    // Only once the new one is stored: on a full disk the old one would be lost for nothing.
    if (pushedOut !== undefined) await pushOut(controller, writer, pushedOut);
    return { kind: "pending", request, pushedOut };
  });
}

function agreedAlone({ csr }: PairingRequest): Exchanged {
  return { kind: "agreed", confirmation: ofRequestAlone(csr) };
}

/**
 * The request in a full queue that makes room for a newcomer, so that a stranger cannot take all of it (T07).
 */
function leastFair(waiting: readonly PendingRequest[], ip: string): PendingRequest | undefined {
  const shares = new FairShares<Holder & { readonly request: PendingRequest }>();
  for (const request of waiting) {
    shares.add({ request, origin: originOf(request.ip), mayGo: () => true });
  }
  return shares.whoGivesWay(originOf(ip))?.request;
}

async function pushOut(
  { log }: HostContext,
  writer: Writer,
  request: PendingRequest,
): Promise<void> {
  const { id, hostname, ip, nonce } = request;
  // Before it is removed, so that an operator who finds it missing learns why.
  await writer.rememberPushedOut(id);
  await writer.answerRequest(id, { status: "denied", reason: PUSHED_OUT, nonce });
  log({ event: "pair-evict", agent: hostname, ip, reqid: id });
}

/** The waiting requests, oldest first, without expired and unreadable ones. */
export async function listRequests({ now, store }: HostContext): Promise<PendingRequest[]> {
  const waiting = (await store.pairing.requests()).filter((request) => !isExpired(request, now()));
  return waiting.sort((a, b) => arrivalOf(a) - arrivalOf(b) || a.id.localeCompare(b.id));
}

function arrivalOf(request: PendingRequest | undefined): number {
  return request === undefined ? 0 : (request.arrived ?? Date.parse(request.received));
}

function isExpired(request: PendingRequest, now: Date): boolean {
  const received = Date.parse(request.received);
  return !(now.getTime() - received <= REQUEST_LIFETIME_MS);
}

/** @throws CtrlExecError `not-found` if no such request waits; it says whether it was pushed out */
export async function requirePending(
  { config, now, store }: HostContext,
  id: string,
): Promise<PendingRequest> {
  const request = await store.pairing.request(id);
  if (request !== undefined && !isExpired(request, now())) return request;
  if (await store.pairing.wasPushedOut(id)) {
    throw new CtrlExecError(
      "not-found",
      `Cannot find a pairing request ${id}: newer requests have pushed it out of the full queue`,
      {
        hint: `Let the host ask again, and decide sooner; pairing_max_queue in ${config.file} sets how many may wait.`,
      },
    );
  }
  throw new CtrlExecError(
    "not-found",
    `Cannot find a pairing request ${id}: no request with that id is waiting; it may have been decided, or have expired`,
    { hint: `See: ctrl-exec list-requests${configArgument(config.file)}` },
  );
}

export async function leaveDenial(
  { log }: HostContext,
  writer: Writer,
  { id, hostname, nonce }: PendingRequest,
  reason: string,
): Promise<void> {
  await writer.answerRequest(id, { status: "denied", reason, nonce });
  log({ event: "pair-deny", agent: hostname, reqid: id });
}

/** How many dropExpiredRequests() would drop. */
export async function countExpiredRequests({ now, store }: HostContext): Promise<number> {
  return await store.pairing.countOver((request) => isExpired(request, now()));
}

/** Drops requests that were not decided in time. Returns how many. */
export async function dropExpiredRequests({ now, store }: HostContext): Promise<number> {
  return await store.pairing.drop((request) => isExpired(request, now()));
}
