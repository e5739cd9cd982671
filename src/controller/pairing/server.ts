/** Port 7444: takes pairing requests and holds each connection until there is an answer. */

import { createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { configArgument } from "../../core/config/controller-config.ts";
import { type PairingPortShares, pairingShares } from "../../core/descriptor-shares.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { newRequestId } from "../../core/request-id.ts";
import { formatHttpResponse } from "../../core/wire/http-message.ts";
import { joinProof, joinRequest } from "../../core/wire/messages/join.ts";
import { pairingAnswer, pairingRequest } from "../../core/wire/messages/pairing.ts";
import { within } from "../../system/deadline.ts";
import { hangUp } from "../../system/net/hang-up.ts";
import { listen } from "../../system/net/listen.ts";
import { OpenConnections } from "../../system/net/open-connections.ts";
import { peerAddress } from "../../system/net/peer-address.ts";
import { tlsContext } from "../../system/net/tls.ts";
import { descriptorLimit, workDescriptors } from "../../system/process/descriptors.ts";
import type { Controller } from "../control-host.ts";
import type { DeskKeeper, PendingRequest } from "../store/ports/pairing.ts";
import { loadCredential, pairingCredential } from "../trust/credential.ts";
import { PairingAnswers } from "./answers.ts";
import { type Caller, CodeExchange } from "./code-exchange.ts";
import { JoinDesk } from "./join-desk.ts";
import { REQUEST_LIFETIME_MS, submitRequest } from "./queue.ts";
import { readPost, readPosted, watchSentBytes } from "./reading.ts";

/** How long an agent has to read its answer: one that does not would keep its slot. */
const ANSWER_MS = 5_000;

export interface PairingServer {
  readonly port: number;
  /** The CA's: every agent shows it as well. */
  readonly caFingerprint: string;
  close(): Promise<void>;
}

/** What happened on the port. */
export interface PairingEvents {
  onRequest(request: PendingRequest): void;
  /** The queue was full, and the request had to make room for a newer one. */
  onPushedOut(request: PendingRequest): void;
  /** The agent was told the decision, whoever took it. */
  onDecided(request: PendingRequest): void;
  /** The agent left, or its time was up, before a decision. */
  onWithdrawn(request: PendingRequest): void;
}

export interface PairingPort {
  /** The program that holds the port. */
  readonly keeper: DeskKeeper;
  /** The port's share of this process's descriptors; undefined if the whole process serves only the port. */
  readonly shares?: PairingPortShares;
}

/** @throws CtrlExecError `busy` if another program holds this port, `config` for a bad one */
export async function startPairingServer(
  given: Controller,
  events: PairingEvents,
  { keeper, shares = ownShares(given) }: PairingPort = { keeper: "pairing-mode" },
): Promise<PairingServer> {
  const { connections, exchanges } = shares;
  const controller = withinDescriptors(given, shares);
  const { config, log, now, store } = controller;
  const credential = loadCredential(config, now());
  const context = tlsContext(pairingCredential(credential));
  const held = await store.pairing.openDesk(keeper);
  if (held === undefined) throw await heldAlready(controller, keeper);
  await store.pairing.clear();
  const desk: Desk = {
    controller,
    events,
    answers: new PairingAnswers(controller),
    codes: new CodeExchange(log, credential.certificate.x509.raw, exchanges),
    joins: new JoinDesk(controller, credential),
  };
  const open = new OpenConnections<Socket>(connections);
  const server = createServer({ noDelay: true }, (raw) => {
    const ip = peerAddress(raw);
    const call: Call = { id: newRequestId(), ip, waits: false };
    if (!open.admit(raw, ip, () => !call.waits)) {
      raw.destroy();
      return;
    }
    raw.once("close", () => open.remove(raw));
    const secure = new TLSSocket(raw, {
      isServer: true,
      secureContext: context,
    });
    secure.on("error", () => raw.destroy());
    watchSentBytes(secure, () => {
      log({ event: "pair-reject-flood", ip, reason: "more bytes than a pairing needs" });
      raw.destroy();
    });
    handle(desk, secure, call).catch((thrown) => {
      log({ event: "pair-reject-fault", ip, reason: String(thrown) });
      raw.destroy();
    });
  });
  let port: number;
  try {
    port = await listen(server, config.pairing_bind, config.pairing_port);
  } catch (thrown) {
    await held.close();
    throw thrown;
  }
  log({ event: "pairing-mode-start", port });
  return {
    port,
    caFingerprint: credential.ca.fingerprint,
    async close() {
      server.close();
      open.closeAll();
      await store.pairing.clear();
      await held.close();
      log({ event: "pairing-mode-stop" });
    },
  };
}

async function heldAlready(
  { config, store }: Controller,
  keeper: DeskKeeper,
): Promise<CtrlExecError> {
  const option = configArgument(config.file);
  if (keeper === "pairing-mode") {
    return new CtrlExecError(
      "busy",
      "Cannot start pairing-mode: it is already running on this control host",
      {
        hint: `Decide there, or in this terminal with ctrl-exec list-requests${option} and ctrl-exec approve <id>${option}.`,
      },
    );
  }
  const other = (await store.pairing.deskKeeper()) ?? "another program";
  return new CtrlExecError("busy", `Cannot hold the pairing port: ${other} holds it`, {
    hint: "End it: the port is taken over within seconds.",
  });
}

/** If the whole process serves only the port. */
function ownShares({ config }: Controller): PairingPortShares {
  const { work, ...port } = pairingShares(descriptorLimit(), config.pairing_max_queue);
  workDescriptors().resize(work);
  return port;
}

/** Limits the queue to the available descriptors (T65). */
function withinDescriptors(given: Controller, { queue }: PairingPortShares): Controller {
  const { config, log } = given;
  if (queue < config.pairing_max_queue) {
    log({
      event: "config-warn",
      key: "pairing_max_queue",
      msg: `ulimit -n ${descriptorLimit()} leaves room for ${queue} requests`,
    });
  }
  return { ...given, config: { ...config, pairing_max_queue: queue } };
}

interface Desk {
  readonly controller: Controller;
  readonly events: PairingEvents;
  readonly answers: PairingAnswers;
  readonly codes: CodeExchange;
  readonly joins: JoinDesk;
}

interface Call extends Caller {
  /** Its request is in the queue, or its join is being judged. */
  waits: boolean;
}

async function handle(desk: Desk, socket: TLSSocket, call: Call): Promise<void> {
  let approved = false;
  try {
    approved = await attend(desk, socket, call);
  } finally {
    desk.codes.end(call.id, approved);
  }
}

/** Returns whether its request was approved. */
async function attend(desk: Desk, socket: TLSSocket, call: Call): Promise<boolean> {
  const { controller, events } = desk;
  const { log } = controller;
  const { id, ip } = call;
  const posted = await readPosted(socket);
  const joining = posted?.path === "/join" ? readJsonAs(joinRequest, posted.body) : undefined;
  if (joining !== undefined) return await joinAt(desk, socket, call);
  const asked = posted?.path === "/pair" ? readJsonAs(pairingRequest, posted.body) : undefined;
  if (asked === undefined) {
    // A peer that only checked whether the port is open has already left without a request.
    if (!socket.destroyed) log({ event: "pair-reject", ip, reason: "not a pairing request" });
    endWith(socket, { status: "error", reason: "invalid request" });
    return false;
  }
  const submission = await submitRequest(controller, asked, ip, id, async () =>
    desk.codes.agree(socket, call, asked),
  );
  if (submission.kind !== "pending") {
    const full = submission.kind === "queue-full";
    log({ event: "pair-reject", ip, reason: full ? "queue-full" : submission.why });
    const reason = full ? "pairing queue full" : "invalid request";
    endWith(socket, { status: "error", reason });
    return false;
  }
  const { request, pushedOut } = submission;
  call.waits = true;
  if (pushedOut !== undefined) events.onPushedOut(pushedOut);
  log({
    event: "pair-request",
    agent: request.hostname,
    codeCovers: request.code_covers,
    ip,
    reqid: request.id,
    status: "pending",
  });
  socket.write(formatHttpResponse(JSON.stringify({ status: "pending", reqid: request.id })));
  events.onRequest(request);
  const outcome = await waitForAnswer(desk, socket, request);
  call.waits = false;
  if (outcome === "withdrawn") events.onWithdrawn(request);
  else events.onDecided(request);
  return outcome === "approved";
}

/** Asks for a signature over a new value, and lets the host join or refuses it. Waits for no operator. */
async function joinAt(desk: Desk, socket: TLSSocket, call: Call): Promise<boolean> {
  const { id, ip } = call;
  const value = crypto.getRandomValues(new Uint8Array(32)).toHex();
  socket.write(formatHttpResponse(JSON.stringify({ status: "challenge", value })));
  const proof = await readPost(socket, "/join-proof", joinProof);
  if (proof === undefined) {
    if (!socket.destroyed) {
      const reason = "not the proof of a token";
      desk.controller.log({ event: "join-refuse", code: "invalid", ip, reason });
    }
    endWith(socket, { status: "error", reason: "invalid request" });
    return false;
  }
  // No newcomer pushes it out while it is being judged, which takes no longer than this host needs.
  call.waits = true;
  const answer = await desk.joins.admit({ id, ip, value, proof });
  endWith(socket, answer);
  return answer.status === "approved";
}

/** Delivers the decision, once there is one. */
async function waitForAnswer(
  { controller, answers }: Desk,
  socket: TLSSocket,
  request: PendingRequest,
): Promise<"approved" | "denied" | "withdrawn"> {
  const gone = new Promise<"gone">((resolve) => {
    socket.once("close", () => resolve("gone"));
    if (socket.destroyed) resolve("gone");
  });
  const answered = new Promise<string>((resolve) => answers.expect(request.id, resolve));
  const decided = Promise.race([answered, gone]);
  const outcome = await within(REQUEST_LIFETIME_MS, decided, () => "late");
  answers.forget(request.id);
  if (outcome === "gone" || outcome === "late") {
    await controller.store.pairing.withdraw(request.id);
    const denial = { status: "denied", reason: "approval timeout", nonce: request.nonce };
    if (outcome === "late") endWith(socket, denial);
    return "withdrawn";
  }
  endWith(socket, outcome);
  return readJsonAs(pairingAnswer, outcome)?.status ?? "denied";
}

/** Sends the last message on a connection. @param answer JSON text, or an object to convert */
function endWith(socket: TLSSocket, answer: string | object): void {
  const text = formatHttpResponse(typeof answer === "string" ? answer : JSON.stringify(answer));
  hangUp(socket, () => socket.destroy(), ANSWER_MS, text);
}
