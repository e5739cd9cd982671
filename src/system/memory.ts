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
 * The same pieces, with a collection from time to time.
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

/**
 * After this many bytes of streams, collect everything: collecting only the young generation kept more than it freed.
 */
const STREAM_STEP = 16 * 2 ** 20;

/** With a large heap that takes long, and others have to wait: at most this part of the time. */
const MAX_SHARE = 0.1;

/** For all streams in this process. */
let streamed = 0;
let mayCollectAt = 0;

/**
 * Collects, from time to time, what streams have left behind: without this, 1 GiB in pieces of 64 KiB held up to 32
 * MiB of them; with it, 20.
 *
 * @param bytes taken from any stream
 */
export function passedThrough(bytes: number): void {
  streamed += bytes;
  if (streamed < STREAM_STEP) return;
  if (performance.now() < mayCollectAt) return;
  const before = process.cpuUsage();
  Bun.gc(true);
  streamed = 0;
  // By the clock, a busy host would seem to collect slowly, and would do it too rarely.
  const { user, system } = process.cpuUsage(before);
  mayCollectAt = performance.now() + (user + system) / 1000 / MAX_SHARE;
}
