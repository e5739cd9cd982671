/** What callers ask over HTTP: read each request whole, route it, answer it. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { messageOf, systemCode } from "../core/errors.ts";
import type { Visit } from "./door/door.ts";
import { rawResponse, sendReply } from "./door/replies.ts";
import { readRequest } from "./door/request-reader.ts";
import { type AgentContext, type AgentReply, refusal } from "./endpoint.ts";
import { answerRoute } from "./routes.ts";

/**
 * Requests of one connection without their answers; nobody of ours sends the second before the first is
 * answered. A stranger could have thousands made of a few bytes each (T21).
 */
const MAX_UNANSWERED = 8;

/** What goes on over one connection. */
interface Talk {
  readonly visit: Visit;
  unanswered: number;
  /** When the answer of the request before is out. */
  turn: Promise<void>;
  /** The last word is said: what is asked behind it stays unheard. */
  over: boolean;
}

export class Requests {
  readonly #http = createHttpServer((request, response) => void this.#serve(request, response));
  readonly #talks = new WeakMap<object, Talk>();
  readonly #context: () => AgentContext;
  /** Connections with requests that are not answered yet. */
  readonly #busy = new Set<Socket>();
  #closing = false;
  #onIdle: () => void = () => undefined;

  /** @param context what counts at the moment of a request */
  constructor(context: () => AgentContext) {
    this.#context = context;
    this.#http.on("clientError", refuseUnparsed);
  }

  /** Takes requests from the connection. */
  welcome(visit: Visit): void {
    const { socket } = visit;
    this.#talks.set(socket, { visit, unanswered: 0, turn: Promise.resolve(), over: false });
    socket.once("end", () => {
      if (socket.bytesRead === 0) socket.end(rawResponse(refusal(400, "empty request")));
    });
    this.#http.emit("connection", socket);
  }

  isBusy(raw: Socket): boolean {
    return this.#busy.has(raw);
  }

  /** Lets each connection end with its answer; resolves when all are out, or after `graceMs`. */
  async finish(graceMs: number): Promise<void> {
    this.#closing = true;
    if (this.#busy.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timer = setTimeout(resolve, graceMs);
    await promise;
    clearTimeout(timer);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const talk = this.#talks.get(request.socket);
    if (talk === undefined) {
      request.socket.destroy();
      return;
    }
    if (talk.over) return;
    const { visit, turn } = talk;
    const { raw, clock } = visit;
    if (talk.unanswered >= MAX_UNANSWERED) {
      raw.destroy();
      return;
    }
    const { promise: answered, resolve: nextTurn } = Promise.withResolvers<void>();
    talk.turn = answered;
    talk.unanswered += 1;
    clock.headCame();
    this.#busy.add(raw);
    try {
      await this.#answer(talk, turn, request, response);
    } catch (thrown) {
      // An answer that cannot be built: longer than a string can be.
      this.#context().log("err", "accept-fatal", {
        PEER: visit.caller.ip,
        REASON: messageOf(thrown),
      });
      raw.destroy();
    } finally {
      nextTurn();
      talk.unanswered -= 1;
      clock.answered();
      if (talk.unanswered === 0) this.#busy.delete(raw);
      if (this.#busy.size === 0) this.#onIdle();
    }
  }

  async #answer(
    talk: Talk,
    turn: Promise<void>,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { visit } = talk;
    const read = await readRequest(request);
    if (read.kind === "gone") return;
    visit.clock.requestCame();
    await turn;
    if (talk.over) return;
    const reply =
      read.kind === "refused" ? read.reply : await this.#route(visit, request, read.body);
    if (visit.socket.destroyed) {
      talk.over = true;
      return;
    }
    const { promise: out, resolve } = Promise.withResolvers<void>();
    response.once("finish", resolve);
    visit.socket.once("close", resolve);
    // A refusal is the last word: what was refused unread may still be on its way, and who is
    // refused must not go on asking on one connection, past the limits of the door (T21).
    const last = this.#closing || reply.status >= 400;
    talk.over = last;
    visit.clock.answering(sendReply(response, reply, last));
    await out;
    visit.socket.off("close", resolve);
  }

  async #route({ caller }: Visit, request: IncomingMessage, body: string): Promise<AgentReply> {
    const context = this.#context();
    try {
      const route = `${request.method} ${request.url}`;
      return await answerRoute(context, caller, route, { peerIp: caller.ip, body });
    } catch (thrown) {
      context.log("err", "accept-fatal", { PEER: caller.ip, REASON: messageOf(thrown) });
      return { status: 500, body: { error: "internal error" } };
    }
  }
}

/** What the parser could not read is answered in our own words, or not at all. */
function refuseUnparsed(thrown: Error, socket: Duplex): void {
  const code = systemCode(thrown);
  if (!code.startsWith("HPE_")) {
    socket.destroy();
    return;
  }
  const reply =
    code === "HPE_HEADER_OVERFLOW" ? refusal(431, "too many headers") : refusal(400, "bad request");
  socket.end(rawResponse(reply));
}
