/** One output stream of a child, kept up to a limit and drained to the end (T14, T15). */

export interface Captured {
  readonly bytes: Uint8Array;
  /** Bytes beyond the limit, read and dropped. */
  readonly dropped: number;
}

import { closeAll } from "./pipe.ts";

/** The part of a stream's reader that is used; the two type libraries disagree on the rest. */
interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** Bytes from which on a collection, of some 10 ms, is worth its time. */
const LARGE = 8 * 2 ** 20;

export class Capture {
  readonly #descriptor: number;
  readonly #reader: ChunkReader;
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #done: Promise<void>;
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

  captured(): Captured {
    const bytes = concat(this.#chunks, this.#kept);
    this.#chunks.length = 0;
    // The collector does not know what buffers hold, and would keep all of it twice.
    if (bytes.length > LARGE) Bun.gc(true);
    return { bytes, dropped: this.#dropped };
  }

  async #endOr(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([this.#done, promise]);
    clearTimeout(timer);
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
    if (kept.length > 0) this.#chunks.push(kept);
    this.#kept += kept.length;
    this.#dropped += chunk.length - kept.length;
  }
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
