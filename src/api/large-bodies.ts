/** Parses large bodies one in each turn of the event loop: many at once would keep everybody waiting (T61). */
import { Semaphore } from "../core/semaphore.ts";

/** Parsing a longer body takes from milliseconds up to 0.1 s. */
const LARGE_BYTES = 65_536;

export class LargeBodies {
  readonly #turns = new Semaphore(1);

  /** @param parse parses these bytes; it may throw anything */
  async inTurn<Body>(bytes: Uint8Array, parse: () => Body): Promise<Body> {
    if (bytes.length <= LARGE_BYTES) return parse();
    const release = await this.#turns.acquire();
    try {
      return parse();
    } finally {
      setImmediate(release);
    }
  }
}
