/** The requests of one connection, read one at a time. */
import {
  type HttpRequest,
  type RefusedRequest,
  RequestReader,
  type WaitingRequest,
} from "../../core/wire/http-request.ts";
import type { Connection } from "../../system/net/connection.ts";
import type { ConnectionReader } from "../../system/net/connection-reader.ts";

/** The peer has ended; `cut` if it stopped within a request. */
export interface NoRequest {
  readonly kind: "ended";
  readonly cut: boolean;
}

/** Most bytes that are read ahead: a peer that goes on sending while it is being answered has to wait (T21). */
const MAX_AHEAD_BYTES = 65_536;

/** The part of a connection that is used here. */
export type Peer = Pick<Connection, "closed" | "read" | "pause" | "resume">;

export class RequestInbox implements ConnectionReader {
  readonly #connection: Peer;
  readonly #onBegin: () => void;
  readonly #reader = new RequestReader();
  #paused = false;
  #ended = false;
  #wake: (() => void) | undefined;

  /** @param onBegin called at the first bytes of each request that is waited for */
  constructor(connection: Peer, onBegin: () => void) {
    this.#connection = connection;
    this.#onBegin = onBegin;
    connection.read(this);
  }

  /** Whether part of the next request has already arrived. */
  get begun(): boolean {
    return this.#reader.begun;
  }

  async next(): Promise<HttpRequest | RefusedRequest | WaitingRequest | NoRequest> {
    if (this.#reader.begun) this.#onBegin();
    for (;;) {
      const read = this.#reader.next();
      if (read !== undefined) return read;
      if (this.#ended || this.#connection.closed) {
        return { kind: "ended", cut: this.#reader.begun };
      }
      if (this.#paused) {
        this.#paused = false;
        this.#connection.resume();
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  data(chunk: Buffer): void {
    if (!this.#reader.begun && this.#wake !== undefined) this.#onBegin();
    this.#reader.take(chunk);
    if (this.#wake === undefined) this.#wait();
    else this.#change();
  }

  end(): void {
    this.#ended = true;
    this.#change();
  }

  closed(): void {
    this.#change();
  }

  #wait(): void {
    if (this.#paused || this.#reader.unread < MAX_AHEAD_BYTES) return;
    this.#paused = true;
    this.#connection.pause();
  }

  #change(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
