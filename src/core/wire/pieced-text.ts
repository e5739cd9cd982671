/** A long text in the pieces in which it arrived: joined, it would be held twice for a while. */
import type { LongText } from "./json-pieces.ts";

export class PiecedText implements LongText {
  readonly #pieces: string[] = [];
  #length = 0;
  #held = 0;
  #bytes = 0;
  #mayBeBase64 = true;
  #padding = 0;

  add(piece: string): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    this.#held += heldBy(piece);
    this.#bytes += Buffer.byteLength(piece);
    this.#mayBeBase64 &&= this.#goesOnAsBase64(piece);
  }

  /** Characters. */
  get length(): number {
    return this.#length;
  }

  /** Bytes as UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of memory. */
  get held(): number {
    return this.#held;
  }

  /** Checked as it arrived: checking all of it at once would keep everybody else waiting. */
  get isBase64(): boolean {
    return this.#mayBeBase64 && this.#length % 4 === 0;
  }

  *parts(): Iterable<string> {
    yield* this.#pieces;
  }

  toString(): string {
    return this.#pieces.join("");
  }

  toJSON(): string {
    return this.toString();
  }

  #goesOnAsBase64(piece: string): boolean {
    const end = piece.search(/[^A-Za-z0-9+/]/);
    const tail = end < 0 ? "" : piece.slice(end);
    if (this.#padding > 0 && tail !== piece) return false;
    this.#padding += tail.length;
    return this.#padding <= 2 && /^=*$/.test(tail);
  }
}

/** The engine holds a text with one byte for each character, or two if any character needs it. */
function heldBy(text: string): number {
  return /[\u0100-\uffff]/.test(text) ? 2 * text.length : text.length;
}
