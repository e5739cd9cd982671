/** One output stream of a child, kept up to a limit and drained to the end (T14, T15). */

import { Deadline } from "../deadline.ts";
import { closeAll } from "./pipe.ts";

export interface Captured {
  /** In order; whoever has no further use for one may take it out. */
  readonly chunks: Uint8Array[];
  /** Bytes beyond the limit, read and dropped. */
  readonly dropped: number;
}

/** The part of a stream's reader that is used; the two type libraries disagree on the rest. */
interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** A chunk costs some 300 bytes beside its own: behind the first few, small ones are put together. */
const LOOSE_CHUNKS = 16;
const BLOCK_BYTES = 65_536;

export class Capture {
  readonly #descriptor: number;
  readonly #reader: ChunkReader;
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #done: Promise<void>;
  /** Small chunks, put together. */
  #block: Uint8Array | undefined;
  #used = 0;
  #ended = false;
  #kept = 0;
  #dropped = 0;

  /**
   * @param descriptor the read end of a pipe; closed at the end
   * @param limit bytes to keep
   */
  constructor(descriptor: number, limit: number) {
    this.#descriptor = descriptor;
    this.#reader = Bun.file(descriptor).stream().getReader();
    this.#limit = limit;
    this.#done = this.#drain();
  }

  /**
   * Waits for the end of the stream, then lets go of it. A stream that somebody else holds open is
   * let go when nothing came for `quietMs`, or after `totalMs` whatever comes.
   */
  async finish(quietMs: number, totalMs: number): Promise<void> {
    const end = performance.now() + totalMs;
    let read: number;
    do {
      read = this.#kept + this.#dropped;
      await this.#endOr(quietMs);
      // A busy program may be late for what is there already: once round the event loop for it.
      await new Promise(setImmediate);
    } while (!this.#ended && read < this.#kept + this.#dropped && performance.now() < end);
    await this.#reader.cancel().catch(() => undefined);
    closeAll(this.#descriptor);
  }

  /** What was kept, handed over: a chunk that comes after this is not in it. */
  captured(): Captured {
    if (this.#block !== undefined) this.#closeBlock(this.#block);
    return { chunks: this.#chunks.splice(0), dropped: this.#dropped };
  }

  async #endOr(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const deadline = new Deadline(ms, resolve);
    await Promise.race([this.#done, promise]);
    deadline.stop();
  }

  async #drain(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done || value === undefined) return;
        this.#keep(value);
      }
    } catch {
      // The stream was let go.
    } finally {
      this.#ended = true;
    }
  }

  #keep(chunk: Uint8Array): void {
    const room = this.#limit - this.#kept;
    const kept = chunk.length <= room ? chunk : chunk.subarray(0, room);
    this.#kept += kept.length;
    this.#dropped += chunk.length - kept.length;
    if (kept.length > 0) this.#store(kept);
  }

  #store(chunk: Uint8Array): void {
    const small = chunk.length <= BLOCK_BYTES / 4 && this.#chunks.length >= LOOSE_CHUNKS;
    if (this.#block !== undefined && (!small || this.#used + chunk.length > BLOCK_BYTES)) {
      this.#closeBlock(this.#block);
    }
    if (!small) {
      this.#chunks.push(chunk);
      return;
    }
    this.#block ??= new Uint8Array(BLOCK_BYTES);
    this.#block.set(chunk, this.#used);
    this.#used += chunk.length;
  }

  #closeBlock(block: Uint8Array): void {
    this.#chunks.push(block.subarray(0, this.#used));
    this.#block = undefined;
    this.#used = 0;
  }
}
