/** A request to an agent, and its answer. */
import type { Serial } from "../../core/serial.ts";
import { MAX_SHORT_ANSWER } from "../../core/wire/limits.ts";
import type { HeardClock } from "../../system/net/http-client.ts";
import type { HttpStream } from "../../system/net/http-stream.ts";
import type { AgentAtHub } from "./hub-client.ts";

/** A run's stream, of which each piece is taken only from the host that was called. */
export type RunStream = Pick<HttpStream, "next" | "abandon">;

export interface AgentRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Sent as JSON; undefined sends no body. */
  readonly body?: unknown;
  readonly reply: ReplyKind;
  /**
   * True if asking twice is harmless: only then is a request sent again on a new connection, unless its answer was
   * a stream and has begun.
   */
  readonly idempotent?: boolean;
  /**
   * Receives a run's stream, which the body asks for, if the answer is one. From its first byte on, the deadline of
   * requests does not count: the receiver sets how long a piece may take.
   */
  readonly onStream?: (stream: RunStream) => Promise<void>;
  /** Aborted when nobody waits for the answer any more. A stream that has begun is ended by its receiver. */
  readonly signal?: AbortSignal | undefined;
}

/** What an answer contains: a script's output, what a host offers, or a few words. */
export type ReplyKind = keyof typeof BOUNDS;

export const BOUNDS = {
  /** Besides its two outputs, each of which may be shorter than a long text. */
  output: { maxBytes: Number.POSITIVE_INFINITY, maxRest: 512 * 2 ** 10 },
  list: { maxBytes: 2 * 2 ** 20 },
  words: { maxBytes: MAX_SHORT_ANSWER },
} as const;

export interface AgentReply {
  readonly status: number;
  /** The answer's JSON; undefined if it was a stream. */
  readonly json: unknown;
  /** `onStream` has received the answer. */
  readonly streamed?: true;
  /** The agent's clock; undefined if it does not send the time, like 0.8. */
  readonly heard?: HeardClock | undefined;
  /** What its handshake showed; undefined on a connection that already existed, or for another host. */
  readonly shown?: ShownByAgent | undefined;
  /** The hub through which it was asked; undefined if that was direct. */
  readonly hub?: AgentAtHub | undefined;
}

/** What the handshake with a registered host showed, if the certificate was its own. */
export interface ShownByAgent {
  readonly serial: Serial;
  readonly notAfter: Date;
  /** The address that was called. */
  readonly address: string;
  readonly port: number;
}
