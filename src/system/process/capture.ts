/** One output stream of a child, kept up to a limit and drained to the end (T14, T15). */

import { within } from "../deadline.ts";
import { closeAll } from "./pipe.ts";

export interface Captured {
  /** In order; the caller may remove those that it no longer needs. */
  readonly chunks: Uint8Array[];
  /** Bytes beyond the limit that were read and dropped. */
  readonly dropped: number;
}

/** The part of a stream's reader that is used; the two type libraries disagree on the rest. */
interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** A chunk costs some 300 bytes on top of its own: after the first few, small ones are merged. */
const LOOSE_CHUNKS = 16;
const BLOCK_BYTES = 65_536;

export class Capture {
  readonly #descriptor: number;
  readonly #reader: ChunkReader;
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #done: Promise<void>;
  /** Small chunks, merged. */
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
   * Waits for the end of the stream, then closes it. A stream that another process holds open is closed when
   * nothing has come for `quietMs`, or after `totalMs` in any case.
   */
  async finish(quietMs: number, totalMs: number): Promise<void> {
    const end = performance.now() + totalMs;
    let read: number;
    do {
      read = this.#kept + this.#dropped;
      await within(quietMs, this.#done, () => undefined);
      // A busy program may not have read what has already arrived: go round the event loop once.
      await new Promise(setImmediate);
    } while (!this.#ended && read < this.#kept + this.#dropped && performance.now() < end);
    await this.#reader.cancel().catch(() => undefined);
    closeAll(this.#descriptor);
  }

  /** Hands over what was kept; chunks that come later are not in it. */
  captured(): Captured {
    if (this.#block !== undefined) this.#closeBlock(this.#block);
    return { chunks: this.#chunks.splice(0), dropped: this.#dropped };
  }

  async #drain(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done || value === undefined) return;
        this.#keep(value);
      }
    } catch {
      // The stream was closed.
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
