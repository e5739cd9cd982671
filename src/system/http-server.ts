/**
 * An HTTP server whose every connection is ours from the first byte: total deadlines, a bound on
 * connections, and a TLS context of its own for each handshake, so that new certificate files count
 * without a listening socket being closed. The HTTP parser is Bun's.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer, type Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { systemCode } from "../core/errors.ts";
import { plainAddress } from "../core/host-name.ts";
import { listen } from "./listen.ts";
import { OpenConnections } from "./open-connections.ts";

export interface HttpServerOptions {
  readonly bind: string;
  readonly port: number;
  /** For the next handshake; undefined speaks plain HTTP. */
  secureContext(): SecureContext | undefined;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse, peer: string) => void;
  /** The whole answer to bytes that are no acceptable request. */
  readonly refuse: (status: RefusalStatus, peer: string) => string;
  readonly onTlsFailure: (peer: string, reason: string) => void;
  readonly limits?: HttpServerLimits;
}

export interface HttpServerLimits {
  /** Beyond them an address gives up its idle ones to others that have fewer. */
  readonly connections: number;
  /** From accept to the end of the handshake. */
  readonly handshakeMs: number;
  /**
   * How long a connection may stand without a request, again how long a request may take to come,
   * and again how long an answer may take to leave, and as long for each MiB of it.
   */
  readonly idleMs: number;
}

/** 400 not HTTP, 405 CONNECT, 408 too slow, 431 too long a head, 503 too many connections. */
export type RefusalStatus = 400 | 405 | 408 | 431 | 503;

export interface HttpServer {
  readonly port: number;
  /** Stops accepting; what is open goes on. */
  stopAccepting(): void;
  /** Closes every connection. */
  closeAll(): void;
}

const LIMITS: HttpServerLimits = { connections: 1024, handshakeMs: 10_000, idleMs: 15_000 };

/** @throws CtrlExecError `config` when the port cannot be bound */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { limits = LIMITS } = options;
  const open = new OpenConnections<Socket>(limits.connections);
  const connections = new WeakMap<object, Connection>();

  const http = createHttpServer({ keepAliveTimeout: limits.idleMs });
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(request.socket);
    if (connection === undefined || !connection.takes()) return;
    connection.busy(request, response);
    options.onRequest(request, response, connection.peer);
  };
  http.on("request", onRequest);
  // With a listener the reader of a body decides whether it is worth asking for.
  http.on("checkContinue", onRequest);
  http.on("connect", (_, socket) => connections.get(socket)?.refuse(405));
  http.on("clientError", (thrown, socket) => {
    const tooLong = systemCode(thrown) === "HPE_HEADER_OVERFLOW";
    connections.get(socket)?.refuse(tooLong ? 431 : 400);
  });

  function accept(raw: Socket): void {
    const peer = plainAddress(raw.remoteAddress ?? "");
    raw.on("error", () => undefined);
    let connection: Connection | undefined;
    if (!open.admit(raw, peer, () => connection?.isIdle !== false)) {
      raw.end(options.refuse(503, peer), () => raw.destroy());
      return;
    }
    raw.once("close", () => open.remove(raw));
    const context = options.secureContext();
    const greet = (socket: Socket) => {
      connection = welcome(raw, socket, peer);
    };
    if (context === undefined) greet(raw);
    else shakeHands(raw, context, peer, greet);
  }

  function shakeHands(
    raw: Socket,
    secureContext: SecureContext,
    peer: string,
    greet: (socket: Socket) => void,
  ): void {
    const secure = new TLSSocket(raw, { isServer: true, secureContext });
    const deadline = setTimeout(() => {
      options.onTlsFailure(peer, "handshake timed out");
      raw.destroy();
    }, limits.handshakeMs);
    raw.once("close", () => clearTimeout(deadline));
    let established = false;
    secure.on("error", (thrown) => {
      if (!established) options.onTlsFailure(peer, systemCode(thrown));
      raw.destroy();
    });
    secure.once("secure", () => {
      established = true;
      clearTimeout(deadline);
      greet(secure);
    });
  }

  function welcome(raw: Socket, socket: Socket, peer: string): Connection {
    const connection = new Connection(raw, socket, peer, options.refuse, limits.idleMs);
    connections.set(socket, connection);
    raw.once("close", () => connection.close());
    connection.rest();
    http.emit("connection", socket);
    return connection;
  }

  const server = createServer({ noDelay: true }, accept);
  const port = await listen(server, options.bind, options.port);
  return {
    port,
    stopAccepting: () => void server.close(),
    closeAll: () => open.closeAll(),
  };
}

/** How long what a client still sends is read after a refusal, so that the refusal arrives. */
const HANGUP_MS = 1_000;

/**
 * Answers that may be due on one connection (T21). One read brings thousands of pipelined requests
 * and the parser cannot be paused inside it, so a client that goes beyond is hung up on.
 */
const MAX_DUE = 16;

const MIB = 1024 * 1024;

/** One connection's deadlines (T19): totals, whatever trickles in meanwhile. */
class Connection {
  readonly peer: string;
  readonly #raw: Socket;
  readonly #socket: Socket;
  readonly #refusal: HttpServerOptions["refuse"];
  readonly #idleMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  /** Answers that are due: a client may send its next request before it has the last answer. */
  readonly #due = new Set<ServerResponse>();
  #refused = false;
  /** Whole requests whose answers are due. */
  #working = 0;

  /**
   * @param raw the connection itself
   * @param socket what is spoken on: TLS, or the same
   */
  constructor(
    raw: Socket,
    socket: Socket,
    peer: string,
    refusal: HttpServerOptions["refuse"],
    idleMs: number,
  ) {
    this.#raw = raw;
    this.#socket = socket;
    this.peer = peer;
    this.#refusal = refusal;
    this.#idleMs = idleMs;
  }

  /** Nothing that was asked for is under way: at most a request is still coming. */
  get isIdle(): boolean {
    return this.#working === 0;
  }

  /** Waits for the next request; one whose head has begun by the deadline gets as long again. */
  rest(): void {
    const before = this.#raw.bytesRead;
    this.#after(this.#idleMs, () => {
      if (this.#raw.bytesRead === before) this.close();
      else this.#after(this.#idleMs, () => this.refuse(408));
    });
  }

  /** Whether one more request is acceptable. One too many closes the connection. */
  takes(): boolean {
    if (this.#due.size >= MAX_DUE) this.close();
    return !this.#raw.destroyed;
  }

  /** A request's head is here. Its body has a deadline, the answer takes as long as it takes. */
  busy(request: IncomingMessage, response: ServerResponse): void {
    this.#due.add(response);
    this.#after(this.#idleMs, () => this.refuse(408));
    let whole = false;
    request.once("end", () => {
      clearTimeout(this.#timer);
      // Refused early, and the rest of it was only read.
      if (!this.#due.has(response)) return;
      whole = true;
      this.#working += 1;
    });
    // The whole answer is with the socket: from here on only the client can hold it up.
    response.once("prefinish", () => this.#leave());
    response.once("close", () => {
      clearTimeout(this.#leaving);
      if (whole) this.#working -= 1;
      this.#due.delete(response);
      if (this.#due.size > 0) return;
      if (this.#refused) this.close();
      else this.rest();
    });
  }

  /** Answers with the refusal, unless that would stand inside another answer, and hangs up. */
  refuse(status: RefusalStatus): void {
    if (this.#refused) return;
    this.#refused = true;
    const [answer] = this.#due;
    const unanswered = status === 408 && this.#due.size === 1 && answer?.headersSent === false;
    if (this.#due.size > 0 && !unanswered) return;
    // The last answer was the last word: what still comes, as the rest of a body that was too long, gets none.
    if (!this.#socket.writableEnded) this.#socket.end(this.#refusal(status, this.peer));
    this.#socket.resume();
    this.#after(HANGUP_MS, () => this.close());
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#leaving);
    this.#socket.destroy();
    this.#raw.destroy();
  }

  /** Closes unless the answer leaves in time: one that nobody reads holds memory (T19, T21). */
  #leave(): void {
    clearTimeout(this.#leaving);
    if (this.#raw.destroyed) return;
    const ms = this.#idleMs * (1 + this.#socket.writableLength / MIB);
    this.#leaving = setTimeout(() => this.close(), ms);
  }

  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    if (!this.#raw.destroyed) this.#timer = setTimeout(act, ms);
  }
}
