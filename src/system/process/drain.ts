/** One output stream of a child, read to its end (T14, T15). */

import { within } from "../deadline.ts";
import { closeAll } from "./pipe.ts";

/** The part of a stream's reader that is used; the two type libraries disagree on the rest. */
interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/**
 * A background child may hold the streams open after the exit: they are closed when nothing has come for the
 * first time, or after the second in any case (T14).
 */
const QUIET_MS = 250;
const TOTAL_MS = 2_000;

export class Drain {
  readonly #descriptor: number;
  readonly #reader: ChunkReader;
  readonly #take: (chunk: Uint8Array) => void;
  readonly #done: Promise<void>;
  #ended = false;
  #read = 0;

  /**
   * @param descriptor the read end of a pipe; closed at the end
   * @param take is given each chunk as it comes; the next is read when it returns. It does not throw
   */
  constructor(descriptor: number, take: (chunk: Uint8Array) => void) {
    this.#descriptor = descriptor;
    this.#reader = Bun.file(descriptor).stream().getReader();
    this.#take = take;
    this.#done = this.#drain();
  }

  /**
   * Once the child has exited: waits for the end of the stream, then closes it. A stream that another process
   * holds open is closed when nothing has come for `quietMs`, or after `totalMs` in any case.
   */
  async finish(quietMs = QUIET_MS, totalMs = TOTAL_MS): Promise<void> {
    const end = performance.now() + totalMs;
    let read: number;
    do {
      read = this.#read;
      await within(quietMs, this.#done, () => undefined);
      // A busy program may not have read what has already arrived: go round the event loop once.
      await new Promise(setImmediate);
    } while (!this.#ended && read < this.#read && performance.now() < end);
    await this.#reader.cancel().catch(() => undefined);
    closeAll(this.#descriptor);
  }

  async #drain(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done || value === undefined) return;
        this.#read += value.length;
        this.#take(value);
      }
    } catch {
      // The stream was closed.
    } finally {
      this.#ended = true;
    }
  }
}
