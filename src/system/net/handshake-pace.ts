/**
 * Lets a few handshakes begin in each turn of the event loop, in the order in which they came. Bun does five
 * reads of handshakes in a turn, the latest connection first: beyond that, newcomers would overtake those that
 * wait until their deadline.
 */
const READS_PER_TURN = 4;

/** What each side has to read: a client gets everything the server sends at once. */
const READS = { server: 2, client: 1 } as const;

interface Waiting {
  readonly reads: number;
  readonly begin: () => void;
}

export class HandshakePace {
  readonly #waiting: Waiting[] = [];
  #left = READS_PER_TURN;
  #ticking = false;
  #serves = false;

  /** Resolves when it is the caller's turn. */
  async turn(side: keyof typeof READS): Promise<void> {
    // A process that has no callers does not have to be fair to anybody.
    if (side === "server") this.#serves = true;
    else if (!this.#serves) return;
    const reads = READS[side];
    this.#tick();
    if (this.#left >= reads && this.#waiting.length === 0) {
      this.#left -= reads;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ reads, begin: resolve });
    await promise;
  }

  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    setImmediate(() => {
      this.#ticking = false;
      this.#left = READS_PER_TURN;
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        if (next.reads > this.#left) break;
        this.#left -= next.reads;
        this.#waiting.shift();
        next.begin();
      }
      if (this.#waiting.length > 0) this.#tick();
    });
  }
}

/** There is one for the event loop, and so for the process: several servers in one share it, and its clients. */
export const handshakePace = new HandshakePace();
