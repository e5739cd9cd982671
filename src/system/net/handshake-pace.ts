/**
 * Lets a few handshakes begin in each turn of the event loop, in the order in which they came. Bun does five
 * reads of handshakes in a turn, the latest connection first: beyond that, newcomers would overtake those that
 * wait until their deadline.
 */

/** A handshake of a server has two reads. */
const PER_TURN = 2;

export class HandshakePace {
  readonly #waiting: (() => void)[] = [];
  #left = PER_TURN;
  #ticking = false;

  /** Resolves when it is the caller's turn. */
  async turn(): Promise<void> {
    this.#tick();
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#left -= 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    setImmediate(() => {
      this.#ticking = false;
      this.#left = PER_TURN;
      for (const next of this.#waiting.splice(0, PER_TURN)) {
        this.#left -= 1;
        next();
      }
      if (this.#waiting.length > 0) this.#tick();
    });
  }
}

/** There is one for the event loop, and so for the process: several servers in one share it. */
export const handshakePace = new HandshakePace();
