/** Port 7444: takes pairing requests and holds each connection until its answer is there. */
import { createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { CtrlExecError } from "../core/errors.ts";
import { plainAddress } from "../core/host-name.ts";
import { formatHttpResponse, takeHttpMessage } from "../core/http-message.ts";
import { readJsonAs } from "../core/json.ts";
import { MAX_PAIRING_BYTES, type PairingRequest, pairingRequest } from "../core/messages.ts";
import { listen } from "../system/listen.ts";
import { tryLock } from "../system/lock.ts";
import { OpenConnections } from "../system/open-connections.ts";
import { tlsContext } from "../system/tls.ts";
import { type Controller, lockPath } from "./controller.ts";
import { loadCredential, pairingCredential } from "./credential.ts";
import { PairingAnswers } from "./pairing-answers.ts";
import {
  clearDesk,
  type PendingRequest,
  REQUEST_LIFETIME_MS,
  submitRequest,
  withdrawRequest,
} from "./pairing-queue.ts";

/** From accept to the last byte of the request (T19). */
const REQUEST_MS = 10_000;

/** Connections beyond the queue that may be on their way to a refusal at once. */
const SPARE_CONNECTIONS = 32;

/** What an agent has to take its answer and hang up: one that stays would keep its place. */
const HANGUP_MS = 5_000;

export interface PairingServer {
  readonly port: number;
  /** Of the CA: every agent shows it as well. */
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
  /** The agent went away, or its time was over, before a decision. */
  onWithdrawn(request: PendingRequest): void;
}

/** @throws CtrlExecError `busy` when another pairing-mode runs on this state folder, `config` for a bad port */
export async function startPairingServer(
  controller: Controller,
  events: PairingEvents,
): Promise<PairingServer> {
  const { config, log, now } = controller;
  const credential = loadCredential(config, now());
  const context = tlsContext(pairingCredential(credential));
  const lock = tryLock(lockPath(config, "pairing-mode"));
  if (lock === undefined) {
    throw new CtrlExecError(
      "busy",
      "Cannot start pairing-mode: another one runs on this control host",
    );
  }
  await clearDesk(controller);
  const answers = new PairingAnswers(controller);
  const open = new OpenConnections<Socket>(config.pairing_max_queue + SPARE_CONNECTIONS);
  const server = createServer({ noDelay: true }, (raw) => {
    const ip = plainAddress(raw.remoteAddress ?? "");
    const call: Call = { ip, waits: false };
    raw.on("error", () => undefined);
    if (!open.admit(raw, ip, () => !call.waits)) {
      raw.destroy();
      return;
    }
    raw.once("close", () => open.remove(raw));
    const secure = new TLSSocket(raw, {
      isServer: true,
      secureContext: context,
      requestCert: false,
    });
    secure.on("error", () => raw.destroy());
    handle(controller, secure, call, answers, events).catch((thrown) => {
      log("err", "pair-reject", { IP: ip, REASON: String(thrown) });
      raw.destroy();
    });
  });
  let port: number;
  try {
    port = await listen(server, config.pairing_bind, config.pairing_port);
  } catch (thrown) {
    answers.close();
    lock.release();
    throw thrown;
  }
  log("info", "pairing-mode-start", { PORT: port });
  return {
    port,
    caFingerprint: credential.ca.fingerprint,
    async close() {
      server.close();
      open.closeAll();
      answers.close();
      await clearDesk(controller);
      lock.release();
      log("info", "pairing-mode-stop");
    },
  };
}

interface Call {
  readonly ip: string;
  /** Its request is in the queue. */
  waits: boolean;
}

async function handle(
  controller: Controller,
  socket: TLSSocket,
  call: Call,
  answers: PairingAnswers,
  events: PairingEvents,
): Promise<void> {
  const { log } = controller;
  const { ip } = call;
  const asked = await readRequest(socket);
  if (asked === undefined) {
    // Who only looked whether somebody listens has gone, and asked for nothing.
    if (!socket.destroyed) log("info", "pair-reject", { IP: ip, REASON: "not a pairing request" });
    endWith(socket, { status: "error", reason: "invalid request" });
    return;
  }
  const submission = await submitRequest(controller, asked, ip);
  if (submission.kind !== "pending") {
    const full = submission.kind === "queue-full";
    log("info", "pair-reject", { IP: ip, REASON: full ? "queue-full" : submission.why });
    const reason = full ? "pairing queue full" : "invalid request";
    endWith(socket, { status: "error", reason });
    return;
  }
  const { request, pushedOut } = submission;
  call.waits = true;
  if (pushedOut !== undefined) events.onPushedOut(pushedOut);
  log("info", "pair-request", {
    AGENT: request.hostname,
    IP: ip,
    REQID: request.id,
    STATUS: "pending",
  });
  socket.write(formatHttpResponse(JSON.stringify({ status: "pending", reqid: request.id })));
  events.onRequest(request);
  const decided = await waitForAnswer(controller, socket, request, answers);
  call.waits = false;
  if (decided) events.onDecided(request);
  else events.onWithdrawn(request);
}

/** Returns whether a decision was delivered. */
async function waitForAnswer(
  controller: Controller,
  socket: TLSSocket,
  request: PendingRequest,
  answers: PairingAnswers,
): Promise<boolean> {
  const gone = new Promise<"gone">((resolve) => {
    socket.once("close", () => resolve("gone"));
    socket.once("end", () => resolve("gone"));
    if (socket.destroyed) resolve("gone");
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), REQUEST_LIFETIME_MS);
  });
  const answered = new Promise<string>((resolve) => answers.expect(request.id, resolve));
  const outcome = await Promise.race([answered, gone, late]);
  clearTimeout(timer);
  answers.forget(request.id);
  if (outcome === "gone" || outcome === "late") {
    await withdrawRequest(controller, request.id);
    const denial = { status: "denied", reason: "approval timeout", nonce: request.nonce };
    if (outcome === "late") endWith(socket, denial);
    else socket.destroy();
    return false;
  }
  endWith(socket, outcome);
  return true;
}

/** The last thing said on a connection. @param answer JSON, or what is to become it */
function endWith(socket: TLSSocket, answer: string | object): void {
  socket.end(formatHttpResponse(typeof answer === "string" ? answer : JSON.stringify(answer)));
  const timer = setTimeout(() => socket.destroy(), HANGUP_MS);
  socket.once("close", () => clearTimeout(timer));
}

/** One `POST /pair` with a sound body, within the deadline; undefined for anything else. */
async function readRequest(socket: TLSSocket): Promise<PairingRequest | undefined> {
  const { promise, resolve } = Promise.withResolvers<PairingRequest | undefined>();
  const timer = setTimeout(() => socket.destroy(), REQUEST_MS);
  let buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    try {
      const message = takeHttpMessage(buffer, MAX_PAIRING_BYTES);
      if (message !== undefined) resolve(readPairBody(message.startLine, message.body));
    } catch {
      resolve(undefined);
    }
  };
  socket.on("data", onData);
  socket.once("close", () => resolve(undefined));
  const request = await promise;
  clearTimeout(timer);
  socket.off("data", onData);
  // Keeps the stream flowing, so that the agent's going away is seen.
  socket.resume();
  return request;
}

function readPairBody(startLine: string, body: string): PairingRequest | undefined {
  if (!/^POST \/pair HTTP\/1\.[01]$/.test(startLine)) return undefined;
  return readJsonAs(pairingRequest, body);
}
