/**
 * One deadline after the other over a connection's life: whatever the peer does or leaves undone,
 * a connection that is not being worked for is closed in bounded time (T19).
 */

export interface ClockLimits {
  /** From the handshake to the last byte of the first request. */
  readonly requestMs: number;
  /** From one answer to the next request's head. */
  readonly idleMs: number;
}

const LIMITS: ClockLimits = { requestMs: 30_000, idleMs: 5_000 };

/** A peer may take an answer slowly, but not more slowly than this. */
const MIN_BYTES_PER_SECOND = 65_536;

export class ConnectionClock {
  readonly #close: () => void;
  readonly #limits: ClockLimits;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #first = true;
  /** Requests under way: a peer may send the next before it has the answer. */
  #underWay = 0;

  /** @param close ends the connection */
  constructor(close: () => void, limits = LIMITS) {
    this.#close = close;
    this.#limits = limits;
    this.#start(limits.requestMs);
  }

  /** A request's head has come: its body is due. */
  headCame(): void {
    // The first request's time runs from the handshake.
    if (!this.#first) this.#start(this.#limits.requestMs);
    this.#first = false;
    this.#underWay += 1;
  }

  /** The request is whole; the answer may take as long as the script does. */
  requestCame(): void {
    clearTimeout(this.#timer);
  }

  /** The peer must take an answer of this many bytes. */
  answering(bytes: number): void {
    this.#start(this.#limits.requestMs + (bytes / MIN_BYTES_PER_SECOND) * 1000);
  }

  /** The answer is out. */
  answered(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#start(this.#limits.idleMs);
    else clearTimeout(this.#timer);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#close, ms);
  }
}
