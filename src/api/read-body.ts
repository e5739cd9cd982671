/**
 * Request bodies, which are read before the hook is asked: how much strangers can make us hold is limited (T21, T64).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Origin, originOf, whoHoldsMost } from "../core/fair-share.ts";
import { MAX_REQUEST_BYTES } from "../core/wire/limits.ts";
import { RETRY_AFTER, Refused, refusal } from "./answer.ts";

/** The most bytes of bodies being read, for all connections together. */
const MAX_BODIES_BYTES = 64 * MAX_REQUEST_BYTES;

export interface BodySource {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: string;
  /** Aborted when the rest of the request can never come. */
  readonly broken: AbortSignal;
}

/** The client hung up before its request was complete, or did not send a request: there is nobody to answer. */
export class ClientGone extends Error {}

export class Bodies {
  readonly #coming = new Set<ComingBody>();
  readonly #maxBytes: number;
  #held = 0;

  /** @param maxBytes for all bodies being read, together */
  constructor(maxBytes = MAX_BODIES_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get held(): number {
    return this.#held;
  }

  /**
   * The body's bytes.
   *
   * @throws Refused 413 beyond 1 MiB, 503 if too much is being read and this caller holds most of it;
   *   ClientGone
   */
  async read({ request, response, peer, broken }: BodySource): Promise<Buffer> {
    const announced = Number(request.headers["content-length"] ?? 0);
    if (announced > MAX_REQUEST_BYTES) throw tooLarge();
    if (request.headers.expect !== undefined) response.writeContinue();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const body = new ComingBody(originOf(peer), announced, reject);
    const gone = () => reject(new ClientGone());
    this.#coming.add(body);
    request.on("data", (chunk: Buffer) => {
      if (body.length + chunk.length > MAX_REQUEST_BYTES) reject(tooLarge());
      else this.#take(body, chunk);
    });
    request.once("end", resolve);
    request.once("error", reject);
    request.once("close", gone);
    broken.addEventListener("abort", gone);
    if (broken.aborted) gone();
    try {
      await promise;
      return body.bytes();
    } catch (thrown) {
      this.#letGo(body);
      body.free();
      throw thrown;
    } finally {
      this.#letGo(body);
    }
  }

  /** If the total is too large, the caller that holds most of it loses a body, perhaps this one. */
  #take(body: ComingBody, chunk: Buffer): void {
    if (!this.#coming.has(body)) return;
    const before = body.weight;
    body.take(chunk);
    this.#held += body.weight - before;
    while (this.#held > this.#maxBytes) {
      const greediest = whoHoldsMost(this.#coming);
      if (greediest === undefined) return;
      this.#letGo(greediest);
      greediest.drop(new Refused(tooManyBodies()));
    }
  }

  #letGo(body: ComingBody): void {
    if (this.#coming.delete(body)) this.#held -= body.weight;
  }
}

/** Initial buffer for a body of unknown length; it doubles as it grows: bytes. */
const FIRST_BYTES = 1024;

class ComingBody {
  readonly origin: Origin;
  readonly drop: (reason: Refused) => void;
  readonly #announced: number;
  length = 0;
  /** In one piece: a million one-byte chunks would cost a hundred times as much. */
  #bytes = new Uint8Array(new ArrayBuffer(0));

  /** @param announced its Content-Length; 0 if it has none */
  constructor(origin: Origin, announced: number, drop: (reason: Refused) => void) {
    this.origin = origin;
    this.#announced = announced;
    this.drop = drop;
  }

  /** Bytes of memory, including those reserved for the rest. */
  get weight(): number {
    return this.#bytes.length;
  }

  take(chunk: Buffer): void {
    const length = this.length + chunk.length;
    if (length > this.#bytes.length) {
      const unknown = Math.min(MAX_REQUEST_BYTES, Math.max(FIRST_BYTES, 2 * this.#bytes.length));
      // This frees the smaller one at once, not when the garbage collector runs.
      const larger = this.#bytes.buffer.transfer(Math.max(length, this.#announced || unknown));
      this.#bytes = new Uint8Array(larger);
    }
    this.#bytes.set(chunk, this.length);
    this.length = length;
  }

  /** Frees its memory; it takes no more bytes. */
  free(): void {
    this.#bytes.buffer.transfer(0);
  }

  bytes(): Buffer {
    return Buffer.from(this.#bytes.buffer, 0, this.length);
  }
}

const tooManyBodies = () => refusal(503, "busy", "too many requests at once", RETRY_AFTER);

function tooLarge(): Refused {
  const detail = `the body is longer than ${MAX_REQUEST_BYTES} bytes`;
  return new Refused(refusal(413, "too large", detail));
}
