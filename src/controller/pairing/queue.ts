/**
 * The queue of pairing requests, as files that `pairing-mode` and `approve` share:
 * `pairing/<reqid>.json` waits, `.approved` and `.denied` are the answers to send.
 */
import { join } from "node:path";
import * as z from "zod/mini";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { FairShares, type Holder, originOf } from "../../core/fair-share.ts";
import { readJsonAs } from "../../core/json.ts";
import { pairedNameProblem } from "../../core/net/host-name.ts";
import { isRequestId, newRequestId } from "../../core/request-id.ts";
import { isoSeconds } from "../../core/time.ts";
import { ofRequestAlone } from "../../core/wire/confirmation-code.ts";
import { type PairingAnswer, type PairingRequest, PUSHED_OUT } from "../../core/wire/messages.ts";
import { judgeCsr } from "../../pki/csr.ts";
import {
  createWhole,
  ensureFolder,
  listFiles,
  listFolder,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import type { HostContext } from "../store/host.ts";
import { paths } from "../store/paths.ts";
import { lockRegistry } from "../store/registry.ts";
import type { Exchanged } from "./code-exchange.ts";
import { forgetPushedOut, rememberPushedOut, wasPushedOut } from "./pushed-out.ts";

/** Requests older than this are dropped (docs/PROTOCOL.md, section 4). */
export const REQUEST_LIFETIME_MS = 600_000;

const pendingRequest = z.looseObject({
  id: z.string().check(z.refine(isRequestId)),
  hostname: z.string().check(z.refine((name) => pairedNameProblem(name) === undefined)),
  ip: z.string(),
  csr: z.string(),
  nonce: z.string(),
  /** ISO 8601. */
  received: z.string(),
  /** New: milliseconds of the same, no two alike, so that there is an oldest one. */
  arrived: z.optional(z.number()),
  code: z.string(),
  /** New: `CodeCovers`. A file that was written before 1.1 has none. */
  code_covers: z.catch(z.enum(["both", "request"]), "request"),
  /** New: the port the agent serves on. */
  port: z.optional(z.int()),
});
export type PendingRequest = z.output<typeof pendingRequest>;

/** What keeps a request out of the queue; `invalid` is told to the agent as "invalid request". */
export type Submission =
  | {
      readonly kind: "pending";
      readonly request: PendingRequest;
      /** What had to give way to it. */
      readonly pushedOut: PendingRequest | undefined;
    }
  | { readonly kind: "queue-full" }
  | { readonly kind: "invalid"; readonly why: string };

/**
 * Puts a request into the queue, when it is sound and there is room.
 *
 * @param agree makes its confirmation code; asked when it is sound, before anybody sees it
 */
export async function submitRequest(
  controller: HostContext,
  asked: PairingRequest,
  ip: string,
  id = newRequestId(),
  agree: () => Promise<Exchanged> = async () => agreedAlone(asked),
): Promise<Submission> {
  const { config, now } = controller;
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
  ensureFolder(paths(config).pairing, 0o750);
  using _lock = await lockRegistry(config);
  const waiting = listRequests(controller);
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
  };
  createWhole(requestFile(config, request.id), `${JSON.stringify(request)}\n`, 0o640);
  // Not before the new one is stored: on a full disk the old one would have gone for nothing.
  if (pushedOut !== undefined) pushOut(controller, pushedOut);
  return { kind: "pending", request, pushedOut };
}

function agreedAlone({ csr }: PairingRequest): Exchanged {
  return { kind: "agreed", confirmation: ofRequestAlone(csr) };
}

/** The one of a full queue that gives way to a newcomer: a stranger cannot take it all (T07). */
function leastFair(waiting: readonly PendingRequest[], ip: string): PendingRequest | undefined {
  const shares = new FairShares<Holder & { readonly request: PendingRequest }>();
  for (const request of waiting) {
    shares.add({ request, origin: originOf(request.ip), mayGo: () => true });
  }
  return shares.whoGivesWay(originOf(ip))?.request;
}

function pushOut({ config, log }: HostContext, request: PendingRequest): void {
  const { id, hostname, ip, nonce } = request;
  // Before it goes: whoever finds it gone must find out why.
  rememberPushedOut(config, id);
  leaveAnswer(config, id, "denied", { status: "denied", reason: PUSHED_OUT, nonce });
  log({ event: "pair-evict", agent: hostname, ip, reqid: id });
}

/** The requests that wait, oldest first. Expired ones are left out, unreadable ones too. */
export function listRequests({ config, now }: HostContext): PendingRequest[] {
  const waiting: PendingRequest[] = [];
  for (const name of listFiles(paths(config).pairing)) {
    const id = name.replace(/\.json$/, "");
    if (!name.endsWith(".json") || !isRequestId(id)) continue;
    const request = readRequest(config, id);
    if (request !== undefined && !isExpired(request, now())) waiting.push(request);
  }
  return waiting.sort((a, b) => arrivalOf(a) - arrivalOf(b) || a.id.localeCompare(b.id));
}

function arrivalOf(request: PendingRequest | undefined): number {
  return request === undefined ? 0 : (request.arrived ?? Date.parse(request.received));
}

function readRequest(config: ControllerConfig, id: string): PendingRequest | undefined {
  const text = readTextIfPresent(requestFile(config, id));
  return text === undefined ? undefined : readJsonAs(pendingRequest, text);
}

function isExpired(request: PendingRequest, now: Date): boolean {
  const received = Date.parse(request.received);
  return !(now.getTime() - received <= REQUEST_LIFETIME_MS);
}

/** @throws CtrlExecError `not-found` when no such request waits, and whether it was pushed out */
export function requirePending({ config, now }: HostContext, id: string): PendingRequest {
  const request = isRequestId(id) ? readRequest(config, id) : undefined;
  if (request !== undefined && !isExpired(request, now())) return request;
  if (wasPushedOut(config, id)) {
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
    `Cannot find a pairing request ${id}: no request with that id is waiting; it may have been decided, or have lapsed`,
    { hint: "See: ctrl-exec list-requests" },
  );
}

/** The caller holds the registry lock. */
export function leaveDenial(
  { config, log }: HostContext,
  request: PendingRequest,
  reason: string,
): void {
  leaveAnswer(config, request.id, "denied", { status: "denied", reason, nonce: request.nonce });
  log({ event: "pair-deny", agent: request.hostname, reqid: request.id });
}

/** The caller holds the registry lock. */
export function leaveAnswer(
  config: ControllerConfig,
  id: string,
  kind: AnswerKind,
  answer: PairingAnswer,
): void {
  writeWhole(answerFile(config, id, kind), `${JSON.stringify(answer)}\n`, 0o640);
  removeIfPresent(requestFile(config, id));
}

/** The answer to send, once there is one: the text as it goes on the wire. */
export function takeAnswer(config: ControllerConfig, id: string): string | undefined {
  for (const kind of ANSWER_KINDS) {
    const file = answerFile(config, id, kind);
    const text = readTextIfPresent(file);
    if (text === undefined) continue;
    // Whoever decided may have been killed before this: a decided request waits no more (T10).
    removeIfPresent(requestFile(config, id));
    removeIfPresent(file);
    return text.trim();
  }
  return undefined;
}

/** Takes a request back: its agent has gone, or its time is over. */
export async function withdrawRequest({ config }: HostContext, id: string): Promise<void> {
  using _lock = await lockRegistry(config);
  removeIfPresent(requestFile(config, id));
  // Decided in the moment in which its agent went: nobody is left to take the answer (T21).
  for (const kind of ANSWER_KINDS) removeIfPresent(answerFile(config, id, kind));
}

/** Drops requests that nobody decided on in time. Returns how many. */
export async function dropExpiredRequests({ config, now }: HostContext): Promise<number> {
  const { pairing } = paths(config);
  using _lock = await lockRegistry(config);
  const ids = listFiles(pairing).flatMap((name) => /^([0-9a-f]{16})\.json$/.exec(name)?.[1] ?? []);
  const expired = ids.filter((id) => {
    const request = readRequest(config, id);
    return request === undefined || isExpired(request, now());
  });
  return expired.filter((id) => removeIfPresent(requestFile(config, id))).length;
}

/** Drops every request and answer: none of their connections outlives the process that held them. */
export async function clearDesk({ config }: HostContext): Promise<void> {
  const { pairing } = paths(config);
  ensureFolder(pairing, 0o750);
  using _lock = await lockRegistry(config);
  forgetPushedOut(config);
  for (const name of listFolder(pairing)) {
    if (/^[0-9a-f]{16}\.(json|approved|denied)$/.test(name)) removeIfPresent(join(pairing, name));
  }
}

const ANSWER_KINDS = ["approved", "denied"] as const;
type AnswerKind = (typeof ANSWER_KINDS)[number];

function answerFile(config: ControllerConfig, id: string, kind: AnswerKind): string {
  return join(paths(config).pairing, `${id}.${kind}`);
}

function requestFile(config: ControllerConfig, id: string): string {
  return join(paths(config).pairing, `${id}.json`);
}
