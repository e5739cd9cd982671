/** The first bytes of what comes, up to a limit, in little memory (T15). */

export interface Captured {
  /** In order; the caller may remove those that it no longer needs. */
  readonly chunks: Uint8Array[];
  /** Bytes beyond the limit that were read and dropped. */
  readonly dropped: number;
}

/** A chunk costs some 300 bytes on top of its own: after the first few, small ones are merged. */
const LOOSE_CHUNKS = 16;
const BLOCK_BYTES = 65_536;

export class Capture {
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  /** Small chunks, merged. */
  #block: Uint8Array | undefined;
  #used = 0;
  #kept = 0;
  #dropped = 0;

  /** @param limit bytes to keep */
  constructor(limit: number) {
    this.#limit = limit;
  }

  take(chunk: Uint8Array): void {
    const kept = chunk.subarray(0, this.#limit - this.#kept);
    this.#kept += kept.length;
    this.#dropped += chunk.length - kept.length;
    if (kept.length > 0) this.#store(kept);
  }

  /** Hands over what was kept; chunks that come later are not in it. */
  captured(): Captured {
    if (this.#block !== undefined) this.#closeBlock(this.#block);
    return { chunks: this.#chunks.splice(0), dropped: this.#dropped };
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
