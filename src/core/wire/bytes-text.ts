/** Output that arrives in pieces, as the text that it is: it is held only as bytes (T69). */
import { base64Length, base64Of } from "./base64.ts";
import { BytePieces } from "./byte-pieces.ts";
import type { LongText } from "./json-pieces.ts";

/** Anything longer is held in blocks of this size, and is a long text. */
const BLOCK = 65_536;

export class BytesText {
  readonly #blocks: Buffer[] = [];
  #open = new BytePieces();
  #length = 0;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #isUtf8 = true;

  get length(): number {
    return this.#length;
  }

  /** @param piece is copied, because it may be a view of something longer */
  add(piece: Uint8Array): void {
    this.#check(piece, true);
    this.#open.add(Buffer.from(piece));
    this.#length += piece.length;
    if (this.#open.length < BLOCK) return;
    this.#blocks.push(this.#open.joined());
    this.#open = new BytePieces();
  }

  /** Called when no more comes: the text, with replacement characters if it is not UTF-8. */
  text(): string | LongText {
    this.#check(new Uint8Array(), false);
    return this.#textOf(this.#length, () => this.#decoded());
  }

  /** Called after text(): base64 of the bytes; undefined if they are UTF-8. */
  base64(): string | LongText | undefined {
    if (this.#isUtf8) return undefined;
    return this.#textOf(base64Length(this.#length), () => base64Of(this.chunks()));
  }

  #textOf(bytes: number, parts: () => Iterable<string>): string | LongText {
    return this.#length <= BLOCK ? [...parts()].join("") : { bytes, parts };
  }

  #check(piece: Uint8Array, stream: boolean): void {
    if (!this.#isUtf8) return;
    try {
      this.#utf8.decode(piece, { stream });
    } catch {
      this.#isUtf8 = false;
    }
  }

  /** The bytes, in order. */
  *chunks(): Generator<Buffer> {
    yield* this.#blocks;
    yield this.#open.joined();
  }

  *#decoded(): Generator<string> {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for (const chunk of this.chunks()) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  }
}
