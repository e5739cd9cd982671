/** One output stream of a child, read to its end (T14, T15). */

import { readSync } from "node:fs";
import { within } from "../deadline.ts";
import { closeAll, isReadable } from "./pipe.ts";

/** The part of a stream's reader that is used; the two type libraries disagree on the rest. */
interface ChunkReader {
  /** The value is undefined at the end. */
  read(): Promise<{ readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/**
 * A background child may hold the streams open after the exit: they are closed when nothing has come for the
 * first time, or after the second in any case (T14).
 */
const QUIET_MS = 250;
const TOTAL_MS = 2_000;

/** How much is read of a stream that nobody has waited for: more than a pipe holds. */
const MAX_AT_ONCE = 2 ** 20;

const buffer = Buffer.alloc(65_536);

export class Drain {
  readonly #descriptor: number;
  readonly #take: (chunk: Uint8Array) => void;
  #reader: ChunkReader | undefined;
  #done: Promise<void> | undefined;
  #ended = false;
  #read = 0;

  /**
   * Nothing is read before begin() or finish().
   *
   * @param descriptor the read end of a pipe; closed at the end
   * @param take is given each chunk as it comes; the next is read when it returns. It does not throw
   */
  constructor(descriptor: number, take: (chunk: Uint8Array) => void) {
    this.#descriptor = descriptor;
    this.#take = take;
  }

  /** Reads as it comes. For a child that ends at once this costs as much as its start. */
  begin(): Promise<void> {
    if (this.#done === undefined) {
      this.#reader = Bun.file(this.#descriptor).stream().getReader();
      this.#done = this.#drain(this.#reader);
    }
    return this.#done;
  }

  /**
   * Once the child has exited: waits for the end of the stream, then closes it. A stream that another process
   * holds open is closed when nothing has come for `quietMs`, or after `totalMs` in any case.
   */
  async finish(quietMs = QUIET_MS, totalMs = TOTAL_MS): Promise<void> {
    if (this.#done === undefined && this.#readAtOnce()) {
      closeAll(this.#descriptor);
      return;
    }
    const done = this.begin();
    const end = performance.now() + totalMs;
    let read: number;
    do {
      read = this.#read;
      await within(quietMs, done, () => undefined);
      // A busy program may not have read what has already arrived: go round the event loop once.
      await new Promise(setImmediate);
    } while (!this.#ended && read < this.#read && performance.now() < end);
    await this.#reader?.cancel().catch(() => undefined);
    closeAll(this.#descriptor);
  }

  /** Returns whether nothing more can come: no process holds the stream any more. */
  #readAtOnce(): boolean {
    while (this.#read < MAX_AT_ONCE && isReadable(this.#descriptor)) {
      const length = readSync(this.#descriptor, buffer);
      if (length === 0) return true;
      this.#read += length;
      this.#take(Uint8Array.prototype.slice.call(buffer, 0, length));
    }
    return false;
  }

  async #drain(reader: ChunkReader): Promise<void> {
    try {
      for (;;) {
        const { value } = await reader.read();
        if (value === undefined) return;
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
