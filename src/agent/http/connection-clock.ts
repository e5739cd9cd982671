/**
 * A series of deadlines over the life of a connection: whatever the peer does or fails to do, a connection that has
 * no request in progress is closed within a limited time (T19).
 */
import { Deadline } from "../../system/deadline.ts";

export interface ClockLimits {
  /** From the handshake to the last byte of the first request. */
  readonly requestMs: number;
  /** From one answer to the next request's first byte. */
  readonly idleMs: number;
  /** For each piece of a stream. */
  readonly pieceMs: number;
}

/** Why a connection was closed: an incomplete request, an answer that was not read, or no further request. */
export type Late = "request" | "answer" | "idle";

const LIMITS: ClockLimits = { requestMs: 30_000, idleMs: 5_000, pieceMs: 300_000 };

/** How long a connection may stay unused, in seconds; callers are told. */
export const IDLE_SECONDS = LIMITS.idleMs / 1000;

/** A peer may read an answer slowly, but not more slowly than this. */
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

  /** The first bytes of a request have arrived: the rest is due. */
  requestBegins(): void {
    // The time for the first request runs from the handshake.
    if (!this.#first) this.#start("request", this.#limits.requestMs);
    this.#first = false;
  }

  /** The request is complete; the answer may take as long as the script does. */
  requestCame(): void {
    this.stop();
  }

  /** The peer must read an answer of this many bytes. */
  answering(bytes: number): void {
    this.#start("answer", this.#limits.requestMs + (bytes / MIN_BYTES_PER_SECOND) * 1000);
  }

  /** The peer must read the next piece of a stream; when it has, the clock is stopped. */
  offering(): void {
    this.#start("answer", this.#limits.pieceMs);
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
