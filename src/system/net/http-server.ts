/**
 * An HTTP server that controls every connection from the first byte: total deadlines, a limit on connections,
 * and the current TLS context for each handshake, so that new certificate files take effect without closing the
 * listening socket. The HTTP parser is Bun's.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer, type Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { systemCode } from "../../core/errors.ts";
import { Deadline } from "../deadline.ts";
import { handshakePace } from "./handshake-pace.ts";
import { hangUp } from "./hang-up.ts";
import { HttpConnection, type RefusalStatus } from "./http-connection.ts";
import { listen } from "./listen.ts";
import { OpenConnections } from "./open-connections.ts";
import { peerAddress } from "./peer-address.ts";

export interface HttpServerOptions {
  readonly bind: string;
  readonly port: number;
  /** For the next handshake; undefined speaks plain HTTP. */
  secureContext(): SecureContext | undefined;
  /** @param broken aborted when the rest of the request can never come: then nobody waits for an answer */
  readonly onRequest: (
    request: IncomingMessage,
    response: ServerResponse,
    peer: string,
    broken: AbortSignal,
  ) => void;
  /** The whole answer to bytes that are not an acceptable request. */
  readonly refuse: (status: RefusalStatus, peer: string) => string;
  readonly onTlsFailure: (peer: string, reason: string) => void;
  /**
   * How many may be open at once, including those that are being turned away. When it is full, an address loses
   * its idle ones to others that have fewer.
   */
  readonly connections: number;
  readonly limits?: HttpServerLimits;
}

export interface HttpServerLimits {
  /** From accept to the end of the handshake. */
  readonly handshakeMs: number;
  /**
   * How long a connection may be open without a request, how long a request may take to arrive, and how long an
   * answer may take to be sent, plus the same again for each MiB of it. Answers announce it (`Keep-Alive`).
   */
  readonly idleMs: number;
  /**
   * How much longer a connection is kept for its next request: one that was sent when the announced time was almost over
   * would meet a connection that is closed, and its client could not know whether it was carried out.
   */
  readonly onItsWayMs: number;
}

export interface HttpServer {
  readonly port: number;
  /** Stops accepting; open connections go on. */
  stopAccepting(): void;
  /** Closes every connection. */
  closeAll(): void;
}

/** How many connections beyond the limit are told so at once; others are just closed. */
const MAX_TURNED_AWAY = 32;

const LIMITS: HttpServerLimits = { handshakeMs: 10_000, idleMs: 15_000, onItsWayMs: 5_000 };

/** @throws CtrlExecError `config` when the port cannot be bound */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { limits = LIMITS } = options;
  const spare = Math.min(MAX_TURNED_AWAY, Math.floor(options.connections / 8));
  const open = new OpenConnections<Socket>(options.connections - spare);
  const connections = new WeakMap<object, HttpConnection>();

  let turnedAway = 0;

  const http = createHttpServer({ keepAliveTimeout: limits.idleMs });
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(request.socket);
    const broken = connection?.begin(request, response);
    if (connection === undefined || broken === undefined) return;
    options.onRequest(request, response, connection.peer, broken);
  };
  http.on("request", onRequest);
  // With a listener, the reader of the body decides whether to ask for it.
  http.on("checkContinue", onRequest);
  // Without one, the runtime answers in its own way.
  http.on("checkExpectation", onRequest);
  http.on("connect", (_, socket) => connections.get(socket)?.refuse(405));
  http.on("clientError", (thrown, socket) => {
    const tooLong = systemCode(thrown) === "HPE_HEADER_OVERFLOW";
    connections.get(socket)?.refuse(tooLong ? 431 : 400);
  });

  function accept(raw: Socket): void {
    const peer = peerAddress(raw);
    raw.on("error", () => undefined);
    let connection: HttpConnection | undefined;
    const context = options.secureContext();
    if (!open.admit(raw, peer, () => connection?.isIdle !== false)) {
      turnAway(raw, peer, context !== undefined);
      return;
    }
    raw.once("close", () => open.remove(raw));
    const greet = (socket: Socket) => {
      connection = welcome(raw, socket, peer);
    };
    if (context === undefined) {
      greet(raw);
      raw.resume();
    } else {
      void shakeHands(raw, context, peer, greet);
    }
  }

  /** Says why while there are only a few of them; with TLS that would cost a handshake. */
  function turnAway(raw: Socket, peer: string, wantsTls: boolean): void {
    if (wantsTls || turnedAway >= spare) {
      raw.destroy();
      return;
    }
    turnedAway += 1;
    raw.once("close", () => {
      turnedAway -= 1;
    });
    hangUp(raw, () => raw.destroy(), limits.idleMs, options.refuse(503, peer));
  }

  async function shakeHands(
    raw: Socket,
    secureContext: SecureContext,
    peer: string,
    greet: (socket: Socket) => void,
  ): Promise<void> {
    await handshakePace.turn("server");
    if (raw.destroyed) return;
    const secure = new TLSSocket(raw, { isServer: true, secureContext });
    const deadline = new Deadline(limits.handshakeMs, () => {
      options.onTlsFailure(peer, "handshake timed out");
      raw.destroy();
    });
    raw.once("close", () => deadline.stop());
    let established = false;
    secure.on("error", (thrown) => {
      if (!established) options.onTlsFailure(peer, systemCode(thrown));
      raw.destroy();
    });
    secure.once("secure", () => {
      established = true;
      deadline.stop();
      greet(secure);
    });
  }

  function welcome(raw: Socket, socket: Socket, peer: string): HttpConnection {
    const refusal = (status: RefusalStatus) => options.refuse(status, peer);
    const { idleMs, onItsWayMs } = limits;
    const connection = new HttpConnection({ raw, socket, peer, refusal, idleMs, onItsWayMs });
    connections.set(socket, connection);
    connection.rest();
    http.emit("connection", socket);
    return connection;
  }

  // What a client sends before the turn of its handshake belongs to the handshake.
  const server = createServer({ noDelay: true, pauseOnConnect: true }, accept);
  const port = await listen(server, options.bind, options.port);
  return {
    port,
    stopAccepting: () => void server.close(),
    closeAll: () => open.closeAll(),
  };
}
