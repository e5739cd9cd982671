/**
 * What a large output leaves behind is collected while it is worked on. The collector itself starts
 * when the heap has doubled, and knows little of what buffers hold: with it alone, 50 MiB of output
 * took 200.
 */
import { edenGC } from "bun:jsc";

/** A collection of what is young takes 1 to 2 ms. */
const STEP = 2 * 2 ** 20;

/** What grew old meanwhile takes a whole collection, of some 10 ms. */
const LARGE = 8 * 2 ** 20;

export class Collector {
  #made = 0;
  #total = 0;

  /** @param length bytes or characters that were worked on since the last call */
  worked(length: number): void {
    this.#total += length;
    this.#made += length;
    if (this.#made < STEP) return;
    this.#made = 0;
    edenGC();
  }

  /** What was put together for this is needed no more. */
  finished(): void {
    if (this.#total > LARGE) Bun.gc(true);
  }
}

/**
 * The same pieces, with a collection now and then.
 *
 * @param last what the pieces were made of is needed no more
 */
export function* collecting<Piece extends { readonly length: number }>(
  pieces: Iterable<Piece>,
  last = false,
): Generator<Piece> {
  const collector = new Collector();
  for (const piece of pieces) {
    yield piece;
    collector.worked(piece.length);
  }
  if (last) collector.finished();
}
