/**
 * The agent's door: accept -> TLS handshake -> revocation -> HTTP head and body -> controller
 * serial -> route. Each step refuses before the next one costs anything.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { systemCode } from "../core/errors.ts";
import { plainAddress } from "../core/host-name.ts";
import type { Log } from "../core/log-line.ts";
import { MAX_HEADERS, MAX_REQUEST_BYTES } from "../core/messages.ts";
import { type Serial, serialFromHex } from "../core/serial.ts";
import { listen } from "../system/listen.ts";
import { type AgentReply, type Endpoint, requestIdIn } from "./endpoint.ts";
import { capabilities } from "./endpoints/capabilities.ts";
import { ping } from "./endpoints/ping.ts";
import { renew } from "./endpoints/renew.ts";
import { renewComplete } from "./endpoints/renew-complete.ts";
import { run } from "./endpoints/run.ts";
import type { AgentState } from "./state.ts";
import { type AgentTrust, isTrustedController } from "./trust.ts";

const ROUTES: ReadonlyMap<string, Endpoint> = new Map([
  ["POST /run", run],
  ["POST /ping", ping],
  ["GET /capabilities", capabilities],
  ["POST /renew", renew],
  ["POST /renew-complete", renewComplete],
]);

/** From accept to the end of the handshake, and from there to the last byte of a request. */
const HANDSHAKE_MS = 10_000;
const REQUEST_MS = 30_000;

export interface AgentServer {
  readonly port: number;
  /** Puts a new state in force from the next handshake and the next request on. */
  replaceState(state: AgentState): void;
  /** Stops accepting and waits until the answers that are due are out. */
  close(): Promise<void>;
}

export interface AgentServerOptions {
  readonly state: AgentState;
  readonly log: Log;
  readonly now: () => Date;
}

/** Identity of the caller, kept beside its connection. */
interface Peer {
  readonly ip: string;
  readonly serial: Serial;
}

/** @throws CtrlExecError `config` when the port cannot be bound */
export async function startAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const { log, now } = options;
  let state = options.state;
  const peers = new WeakMap<object, Peer>();
  const open = new Set<Socket>();
  let answering = 0;

  const http = createHttpServer({ keepAliveTimeout: 5_000 }, (request, response) => {
    const peer = peers.get(request.socket);
    if (peer === undefined) {
      request.socket.destroy();
      return;
    }
    answering += 1;
    answer(peer, request)
      .then((reply) => send(response, reply))
      .catch((thrown) => {
        log("err", "accept-fatal", { PEER: peer.ip, REASON: String(thrown) });
        send(response, { status: 500, body: { error: "internal error" } });
      })
      .finally(() => {
        answering -= 1;
      });
  });
  http.on("clientError", (_, socket) => {
    socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });

  async function answer(peer: Peer, request: IncomingMessage): Promise<AgentReply> {
    if (request.rawHeaders.length / 2 > MAX_HEADERS) return refusal(431, "too many headers");
    const body = await readBody(request);
    if (body === undefined) return refusal(413, "request too large");
    const route = `${request.method} ${request.url}`;
    if (!isTrustedController(state.trust, peer.serial)) {
      return refuseSerial(peer, route, body);
    }
    const endpoint = ROUTES.get(route);
    if (endpoint === undefined) return refusal(404, "not found");
    const context = { state, log, now, replaceTrust };
    return await endpoint(context, { peerIp: peer.ip, body });
  }

  /** The state may have been replaced while the endpoint was at work. */
  function replaceTrust(trust: AgentTrust): void {
    state = { ...state, trust };
  }

  function refuseSerial(peer: Peer, route: string, body: string): AgentReply {
    if (route !== "GET /capabilities") {
      log("warning", "serial-reject", { PEER: peer.ip, REQID: requestIdIn(body) });
      return { status: 403, body: { error: "serial mismatch", status: "forbidden" } };
    }
    if (!state.trust.controller.known) {
      log("warning", "capabilities-no-serial", { PEER: peer.ip, REASON: "no stored serial" });
    } else {
      log("warning", "capabilities-deny", {
        PEER: peer.ip,
        PEER_SERIAL: peer.serial,
        REASON: "serial mismatch",
      });
    }
    return refusal(403, "forbidden");
  }

  function accept(raw: Socket): void {
    const ip = plainAddress(raw.remoteAddress ?? "");
    open.add(raw);
    raw.once("close", () => open.delete(raw));
    raw.on("error", () => undefined);
    const secure = new TLSSocket(raw, {
      isServer: true,
      secureContext: state.trust.context,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const deadline = setTimeout(() => {
      log("warning", "tls-failure", { PEER: ip, REASON: "handshake timed out" });
      raw.destroy();
    }, HANDSHAKE_MS);
    secure.once("close", () => clearTimeout(deadline));
    let established = false;
    secure.on("error", (thrown) => {
      if (!established) log("warning", "tls-failure", { PEER: ip, REASON: systemCode(thrown) });
      raw.destroy();
    });
    secure.once("secure", () => {
      clearTimeout(deadline);
      established = true;
      welcome(secure, ip);
    });
  }

  function welcome(secure: TLSSocket, ip: string): void {
    const certificate = secure.getPeerX509Certificate();
    if (certificate === undefined || !secure.authorized) {
      log("warning", "tls-failure", { PEER: ip, REASON: "no verified certificate" });
      secure.destroy();
      return;
    }
    const serial = serialFromHex(certificate.serialNumber);
    if (state.trust.revoked.has(serial)) {
      log("warning", "revoked-cert", { PEER: ip, SERIAL: serial });
      secure.end(rawResponse("403 Forbidden", { error: "certificate revoked" }));
      return;
    }
    peers.set(secure, { ip, serial });
    limitRequestTime(secure);
    secure.once("end", () => {
      if (secure.bytesRead === 0)
        secure.end(rawResponse("400 Bad Request", { error: "empty request" }));
    });
    http.emit("connection", secure);
  }

  /** A request must be complete in time; the answer may take as long as the script (T19). */
  function limitRequestTime(secure: TLSSocket): void {
    const timer = setTimeout(() => {
      if (!answeringOn.has(secure)) secure.destroy();
    }, REQUEST_MS);
    secure.once("close", () => clearTimeout(timer));
  }
  const answeringOn = new WeakSet<object>();

  async function readBody(request: IncomingMessage): Promise<string | undefined> {
    const announced = Number(request.headers["content-length"] ?? 0);
    if (announced > MAX_REQUEST_BYTES) return undefined;
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > MAX_REQUEST_BYTES) return undefined;
      chunks.push(bytes);
    }
    answeringOn.add(request.socket);
    return Buffer.concat(chunks, length).toString("utf8");
  }

  const server = createServer({ noDelay: true }, accept);
  const port = await listen(server, state.config.bind, state.config.port);
  log("info", "start", { PORT: port });
  return {
    port,
    replaceState(next) {
      state = next;
    },
    async close() {
      server.close();
      while (answering > 0) await Bun.sleep(20);
      for (const socket of open) socket.destroy();
    },
  };
}

function refusal(status: number, error: string): AgentReply {
  return { status, body: { error } };
}

function rawResponse(status: string, body: Record<string, unknown>): string {
  const json = JSON.stringify(body);
  return [
    `HTTP/1.1 ${status}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(json)}`,
    "Connection: close",
    "",
    json,
  ].join("\r\n");
}

function send(response: ServerResponse, reply: AgentReply): void {
  if (response.destroyed) return;
  const json = Buffer.from(JSON.stringify(reply.body), "utf8");
  response.writeHead(reply.status, {
    "Content-Type": "application/json",
    "Content-Length": json.length,
    // What was refused unread may still be on its way; the connection cannot be used again.
    ...(reply.status === 413 || reply.status === 431 ? { Connection: "close" } : {}),
  });
  response.end(json);
}
