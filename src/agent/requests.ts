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

export class Requests {
  readonly #http = createHttpServer((request, response) => void this.#serve(request, response));
  readonly #visits = new WeakMap<object, Visit>();
  readonly #context: () => AgentContext;
  /** Connections with requests that are not answered yet, and how many. */
  readonly #busy = new Map<Socket, number>();
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
    this.#visits.set(socket, visit);
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
    const visit = this.#visits.get(request.socket);
    if (visit === undefined) {
      request.socket.destroy();
      return;
    }
    const { raw, clock } = visit;
    clock.headCame();
    this.#busy.set(raw, (this.#busy.get(raw) ?? 0) + 1);
    try {
      await this.#answer(visit, request, response);
    } catch (thrown) {
      // An answer that cannot be built: longer than a string can be.
      this.#context().log("err", "accept-fatal", {
        PEER: visit.caller.ip,
        REASON: messageOf(thrown),
      });
      raw.destroy();
    } finally {
      clock.answered();
      const left = (this.#busy.get(raw) ?? 1) - 1;
      if (left > 0) this.#busy.set(raw, left);
      else this.#busy.delete(raw);
      if (this.#busy.size === 0) this.#onIdle();
    }
  }

  async #answer(visit: Visit, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const read = await readRequest(request);
    if (read.kind === "gone") return;
    visit.clock.requestCame();
    const reply =
      read.kind === "refused" ? read.reply : await this.#route(visit, request, read.body);
    if (visit.socket.destroyed) return;
    const { promise: out, resolve } = Promise.withResolvers<void>();
    response.once("finish", resolve);
    visit.socket.once("close", resolve);
    // A refusal is the last word: what was refused unread may still be on its way, and who is
    // refused must not go on asking on one connection, past the limits of the door (T21).
    const last = this.#closing || reply.status >= 400;
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
