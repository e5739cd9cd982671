/** Serves callers over HTTP: reads each request whole, routes it, answers it, then reads the next. */

import { messageOf } from "../../core/errors.ts";
import { callerNetwork } from "../../core/net/caller-network.ts";
import { decodeText } from "../../core/text.ts";
import type { HttpRequest, RefusedRequest } from "../../core/wire/http-request.ts";
import { within } from "../../system/deadline.ts";
import type { Connection } from "../../system/net/connection.ts";
import type { Caller } from "../endpoints/endpoint.ts";
import {
  type AgentContext,
  type AgentReply,
  type JsonReply,
  refusal,
  requestIdIn,
  type StreamReply,
} from "../endpoints/endpoint.ts";
import { answerRoute } from "../endpoints/routes.ts";
import { EventStream } from "./event-stream.ts";
import { GO_ON, sendReply, streamHead } from "./replies.ts";
import { type NoRequest, RequestInbox } from "./request-inbox.ts";
import type { Visit } from "./visit.ts";

type Answerable = HttpRequest | RefusedRequest | NoRequest;

/** A visit in progress. */
interface Talk {
  readonly inbox: RequestInbox;
  answering: boolean;
  readonly ip: string;
  /** The body of the request that is being answered. */
  body: string;
  /** No request has been answered yet. */
  fresh: boolean;
  /** Ends the stream that is being sent. */
  endStream: () => void;
}

export class Requests {
  readonly #context: () => AgentContext;
  readonly #now: () => Date;
  readonly #talks = new Map<Connection, Talk>();
  #closing = false;
  #onIdle: () => void = () => undefined;

  /** @param context returns the state in force at the moment of a request */
  constructor(context: () => AgentContext, now: () => Date) {
    this.#context = context;
    this.#now = now;
  }

  /** Serves the connection's requests, and ends it. */
  async welcome(visit: Visit): Promise<void> {
    const { connection, clock } = visit;
    const inbox = new RequestInbox(connection, () => clock.requestBegins());
    const talk: Talk = {
      inbox,
      answering: false,
      ip: visit.caller.ip,
      body: "",
      fresh: true,
      endStream: () => undefined,
    };
    this.#talks.set(connection, talk);
    try {
      while (await this.#answerNext(visit, talk));
      await connection.hangUp();
    } catch (thrown) {
      // The answer cannot be built: it is longer than a string can be.
      this.#context().log({
        event: "accept-fatal",
        peer: visit.caller.ip,
        reason: messageOf(thrown),
      });
      connection.close();
    } finally {
      this.#talks.delete(connection);
      if (this.#closing) this.#checkIdle();
    }
  }

  /** Whether a request of the connection has not been answered yet. */
  isBusy(connection: Connection): boolean {
    const talk = this.#talks.get(connection);
    return talk !== undefined && (talk.answering || talk.inbox.begun);
  }

  /** Whether it has had an answer and no request is in progress. Before its first request it is not idle. */
  isIdle(connection: Connection): boolean {
    return this.#talks.get(connection)?.fresh === false && !this.isBusy(connection);
  }

  /**
   * Lets each connection end with its answer, and ends streams early; resolves when all are sent, or after
   * `graceMs`.
   */
  async finish(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const { endStream } of this.#talks.values()) endStream();
    const { promise: idle, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    this.#checkIdle();
    await within(graceMs, idle, () => undefined);
    this.#tellUnanswered();
  }

  /** Callers that are hung up on now get no answer: the log names their requests. */
  #tellUnanswered(): void {
    const { log } = this.#context();
    for (const [connection, { ip, body }] of this.#talks) {
      if (!this.isBusy(connection)) continue;
      const reason = `the agent is stopping; a script that has begun ${afterTheAgent()}`;
      log({ event: "hang-up", peer: ip, reason, reqid: requestIdIn(body) });
    }
  }

  #checkIdle(): void {
    if (![...this.#talks.keys()].some((connection) => this.isBusy(connection))) this.#onIdle();
  }

  /** Returns whether the peer may ask again. */
  async #answerNext(visit: Visit, talk: Talk): Promise<boolean> {
    const { caller, connection, clock } = visit;
    const read = await talk.inbox.next();
    if (read.kind === "waiting") {
      await connection.write(GO_ON);
      return true;
    }
    // Nobody reads an answer, and none is due.
    if (read.kind === "ended" && connection.closed) return false;
    clock.requestCame();
    talk.answering = true;
    const reply = await this.#replyTo(read, caller, talk);
    if (reply === undefined) return false;
    // A refusal ends the connection: a refused caller must not go on asking on one connection, past the limits
    // of the door (T21).
    const last = read.kind !== "request" || !read.keep || this.#closing || reply.status >= 400;
    let whole = true;
    try {
      if ("events" in reply) whole = await this.#sendStream(visit, talk, reply, last);
      else await sendReply(connection, reply, last, this.#now(), (bytes) => clock.answering(bytes));
    } finally {
      reply.letGo?.();
    }
    clock.answered();
    talk.answering = false;
    talk.fresh = false;
    return whole && !last && !connection.closed;
  }

  /** Returns whether the stream is complete: otherwise nothing may follow on the connection. */
  async #sendStream(
    visit: Visit,
    talk: Talk,
    { events }: StreamReply,
    last: boolean,
  ): Promise<boolean> {
    const { connection, clock } = visit;
    const ending = new AbortController();
    const end = () => ending.abort();
    talk.endStream = end;
    connection.onClose(end);
    if (this.#closing) end();
    try {
      const stream = new EventStream(connection, clock);
      void connection.write(streamHead(last, this.#now()));
      return await stream.send(events(ending.signal));
    } finally {
      connection.offClose(end);
      talk.endStream = () => undefined;
    }
  }

  /** Undefined if there is nothing to answer. */
  async #replyTo(read: Answerable, caller: Caller, talk: Talk): Promise<AgentReply | undefined> {
    switch (read.kind) {
      case "request":
        return await this.#route(caller, read, talk);
      case "refused":
        return this.#refuse(caller, read.status, read.error);
      case "ended":
        if (read.cut) return this.#refuse(caller, 400, "bad request", "the request was cut");
        return talk.fresh ? this.#refuse(caller, 400, "empty request") : undefined;
    }
  }

  /** What comes through a hub is marked in every line that it causes. */
  #contextFor({ hub }: Caller): AgentContext {
    const context = this.#context();
    if (hub === undefined) return context;
    return { ...context, hub, log: (event) => context.log({ ...event, via: hub }) };
  }

  /** The refusal of a request that cannot be read. @param reason for the log, which may say more */
  #refuse({ ip, hub }: Caller, status: number, error: string, reason = error): JsonReply {
    const kind = `request-refused ${callerNetwork(ip)} ${reason}`;
    this.#context().quiet.event(kind, performance.now(), {
      event: "request-refused",
      peer: ip,
      reason,
      via: hub,
    });
    return refusal(status, error);
  }

  async #route(
    caller: Caller,
    { method, target, body }: HttpRequest,
    talk: Talk,
  ): Promise<AgentReply> {
    const { text, exact } = decodeText(body);
    talk.body = text;
    // JSON must be UTF-8 (RFC 8259 section 8.1); anything else would arrive changed (T11).
    if (!exact) return this.#refuse(caller, 400, "the body is not UTF-8");
    const context = this.#contextFor(caller);
    try {
      const request = { peerIp: caller.ip, body: text };
      return await answerRoute(context, caller, `${method} ${target}`, request);
    } catch (thrown) {
      context.log({ event: "accept-fatal", peer: caller.ip, reason: messageOf(thrown) });
      return { status: 500, body: { error: "internal error" } };
    }
  }
}

/** When the first process of a container ends, the kernel ends all others (pid_namespaces(7)). */
function afterTheAgent(): string {
  return process.pid === 1
    ? "ends with it, because the agent is process 1 of its container"
    : "goes on";
}
