/** Bytes that arrive in pieces, however small: they are joined only when somebody looks at them. */

/** A piece costs some 100 bytes on top of its own, and may be one byte long. */
const MAX_PIECES = 1024;

export class BytePieces {
  #pieces: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#pieces.length > MAX_PIECES) this.joined();
  }

  /** All that is held. */
  joined(): Buffer {
    const [first] = this.#pieces;
    const joined =
      first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.keep(joined);
    return joined;
  }

  /** Releases everything except these bytes. */
  keep(bytes: Buffer): void {
    // An empty rest would keep the buffer that it was cut from.
    this.#pieces = bytes.length === 0 ? [] : [bytes];
    this.#length = bytes.length;
  }
}
