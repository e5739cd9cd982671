/**
 * What one host may cost while a build is sent to it: it may be slow and be lost a few times, but not keep the sender
 * busy without end, by taking a byte at a time or by forgetting what it had.
 */
import { MAX_PIECE_BYTES } from "../../core/wire/limits.ts";

/** Failures that may follow each other before it has more than ever. */
const MOST_LOST = 5;

/** Milliseconds for each piece, on average, and in any case. */
const EACH_MS = 30_000;
const LEAST_MS = 300_000;

export class UploadProgress {
  readonly #size: number;
  readonly #most: number;
  readonly #begun: number;
  readonly #timeMs: number;
  #sent = 0;
  #had = 0;
  #lost = 0;

  /** @param size bytes of the build @param now milliseconds, of a clock that only goes on */
  constructor(size: number, now: number) {
    const pieces = Math.ceil(size / MAX_PIECE_BYTES);
    this.#size = size;
    this.#most = 2 * pieces + 2 * MOST_LOST;
    this.#begun = now;
    this.#timeMs = LEAST_MS + pieces * EACH_MS;
  }

  /** Before each piece. @returns why it is not sent any more; undefined if it is */
  send(now: number): string | undefined {
    const after =
      now - this.#begun > this.#timeMs
        ? `${Math.round(this.#timeMs / 60_000)} minutes`
        : this.#sent >= this.#most && `${this.#sent} pieces`;
    if (after === false) {
      this.#sent += 1;
      return undefined;
    }
    return `it has taken ${this.#had} of ${this.#size} bytes after ${after}`;
  }

  /** What it says that it has. */
  reach(have: number): void {
    if (have <= this.#had) return;
    this.#had = have;
    this.#lost = 0;
  }

  /** A piece was not taken. @returns whether it may be tried again */
  lose(): boolean {
    this.#lost += 1;
    return this.#lost <= MOST_LOST;
  }
}
