/**
 * Writes an answer whose bytes come while the client reads it. What is not read is not made: a client that is slow, or
 * stops, costs no more memory than one piece (T21).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Deadline } from "../system/deadline.ts";
import { passedThrough } from "../system/memory.ts";
import type { StreamAnswer, StreamReader } from "./answer.ts";
import { commonHeaders } from "./write-answer.ts";

/** How long a client may take nothing of what it is sent. */
const UNREAD_MS = 120_000;

export interface Writing {
  readonly requestId: string;
  /** Aborted when the client has gone, or the API stops: then the answer ends early. */
  readonly over: AbortSignal;
  readonly unreadMs?: number;
}

export async function writeStream(
  request: IncomingMessage,
  response: ServerResponse,
  answer: StreamAnswer,
  { requestId, over, unreadMs = UNREAD_MS }: Writing,
): Promise<void> {
  const { "Content-Type": _, ...common } = commonHeaders(requestId);
  response.writeHead(answer.status, { ...common, ...answer.headers });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  try {
    await answer.send(new Reader(response, over, unreadMs));
    response.end();
  } catch {
    // The client sees that something is missing, and can ask for the rest.
    response.destroy();
  }
}

class Reader implements StreamReader {
  readonly signal: AbortSignal;
  readonly #response: ServerResponse;
  readonly #unreadMs: number;
  #goOn: () => void = () => undefined;

  constructor(response: ServerResponse, signal: AbortSignal, unreadMs: number) {
    this.#response = response;
    this.#unreadMs = unreadMs;
    this.signal = signal;
    signal.addEventListener("abort", () => this.#goOn());
  }

  async write(bytes: string | Uint8Array): Promise<void> {
    const response = this.#response;
    if (response.destroyed || this.signal.aborted) return;
    passedThrough(bytes.length);
    // Bytes are good until this resolves, and the response may hold them for longer.
    if (response.write(typeof bytes === "string" ? bytes : Buffer.from(bytes))) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#goOn = resolve;
    using _unread = new Deadline(this.#unreadMs, () => response.destroy());
    response.once("drain", resolve);
    await promise;
  }
}
