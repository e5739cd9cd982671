/**
 * One deadline after the other over a connection's life: whatever the peer does or leaves undone,
 * a connection that is not being worked for is closed in bounded time (T19).
 */
import { Deadline } from "../../system/deadline.ts";

export interface ClockLimits {
  /** From the handshake to the last byte of the first request. */
  readonly requestMs: number;
  /** From one answer to the next request's first byte. */
  readonly idleMs: number;
}

/** What a connection was closed over: a request that did not come whole, an answer not taken, or no further request. */
export type Late = "request" | "answer" | "idle";

const LIMITS: ClockLimits = { requestMs: 30_000, idleMs: 5_000 };

/** How long a connection may stand unused, in seconds; callers are told. */
export const IDLE_SECONDS = LIMITS.idleMs / 1000;

/** A peer may take an answer slowly, but not more slowly than this. */
const MIN_BYTES_PER_SECOND = 65_536;

export class ConnectionClock {
  readonly #close: (late: Late) => void;
  readonly #limits: ClockLimits;
  #deadline: Deadline | undefined;
  #first = true;

  /** @param close ends the connection */
  constructor(close: (late: Late) => void, limits = LIMITS) {
    this.#close = close;
    this.#limits = limits;
    this.#start("request", limits.requestMs);
  }

  /** The first bytes of a request have come: the rest is due. */
  requestBegins(): void {
    // The first request's time runs from the handshake.
    if (!this.#first) this.#start("request", this.#limits.requestMs);
    this.#first = false;
  }

  /** The request is whole; the answer may take as long as the script does. */
  requestCame(): void {
    this.stop();
  }

  /** The peer must take an answer of this many bytes. */
  answering(bytes: number): void {
    this.#start("answer", this.#limits.requestMs + (bytes / MIN_BYTES_PER_SECOND) * 1000);
  }

  /** The answer is out. */
  answered(): void {
    this.#start("idle", this.#limits.idleMs);
  }

  stop(): void {
    this.#deadline?.stop();
    this.#deadline = undefined;
  }

  #start(late: Late, ms: number): void {
    this.#deadline?.stop();
    this.#deadline = new Deadline(ms, () => this.#close(late));
  }
}
