/**
 * Collects the garbage of a large output while it is processed. The collector itself starts only when the heap
 * has doubled, and knows little about the contents of buffers: without this, 50 MiB of output took 200.
 */
import { edenGC } from "bun:jsc";

/** After this many bytes, collect the young generation: 1 to 2 ms. */
const STEP = 2 * 2 ** 20;

/** After this many, collect everything, because some of it has grown old: some 10 ms. */
const LARGE = 8 * 2 ** 20;

export class Collector {
  #made = 0;
  #total = 0;

  /** @param length bytes or characters processed since the last call */
  worked(length: number): void {
    this.#total += length;
    this.#made += length;
    if (this.#made < STEP) return;
    this.#made = 0;
    edenGC();
  }

  /** The result is no longer needed. */
  finished(): void {
    if (this.#total > LARGE) Bun.gc(true);
  }
}

/**
 * The same pieces, with a collection now and then.
 *
 * @param last the source of the pieces is no longer needed
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
