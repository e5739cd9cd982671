/** Bodies of which many at once would keep everybody waiting are parsed one in a turn of the event loop (T61). */
import { Semaphore } from "../core/semaphore.ts";

/** To parse a longer body takes a while: milliseconds, up to 0.1 s. */
const LARGE_BYTES = 65_536;

export class LargeBodies {
  readonly #turns = new Semaphore(1);

  /** @param parse of these bytes; it throws what it likes */
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
