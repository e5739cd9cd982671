/**
 * Chunked transfer coding (RFC 9112 section 7.1), only for streams: without extensions and trailers, which no peer of
 * ours sends. Anything else is refused at its first wrong byte (T61).
 */
import { CtrlExecError } from "../errors.ts";

/** Most digits of a chunk's size, including leading zeros. */
const MAX_SIZE_DIGITS = 8;

const CR = 0x0d;
const LF = 0x0a;

/** What must come next. */
type Expected =
  | "size"
  | "size-end"
  | "data"
  | "data-cr"
  | "data-lf"
  | "last-cr"
  | "last-lf"
  | "nothing";

export class ChunkReader {
  #expected: Expected = "size";
  #digits = 0;
  #size = 0;

  /** Whether the last chunk has come: the body is complete. */
  get ended(): boolean {
    return this.#expected === "nothing";
  }

  /**
   * The content in the next piece, as views of it; must be read to its end before the next call. Nothing is
   * held, however long a chunk is.
   *
   * @throws CtrlExecError `protocol`; the caller puts the peer's name before it
   */
  *take(piece: Buffer): Generator<Buffer, void> {
    let at = 0;
    while (at < piece.length) {
      if (this.#expected !== "data") {
        this.#takeByte(piece.readUInt8(at));
        at += 1;
        continue;
      }
      const data = piece.subarray(at, at + this.#size);
      at += data.length;
      this.#size -= data.length;
      if (this.#size === 0) this.#expected = "data-cr";
      yield data;
    }
  }

  #takeByte(byte: number): void {
    switch (this.#expected) {
      case "size":
        if (byte !== CR) this.#takeDigit(byte);
        else if (this.#digits === 0) throw wrong("without a size");
        else this.#expected = "size-end";
        return;
      case "size-end":
        expectByte(byte, LF);
        this.#digits = 0;
        this.#expected = this.#size === 0 ? "last-cr" : "data";
        return;
      case "data-cr":
        expectByte(byte, CR);
        this.#expected = "data-lf";
        return;
      case "data-lf":
        expectByte(byte, LF);
        this.#expected = "size";
        return;
      case "last-cr":
        if (byte !== CR) throw wrong("with trailers");
        this.#expected = "last-lf";
        return;
      case "last-lf":
        expectByte(byte, LF);
        this.#expected = "nothing";
        return;
      default:
        throw wrong("with bytes after the last one");
    }
  }

  #takeDigit(byte: number): void {
    const digit = Number.parseInt(String.fromCharCode(byte), 16);
    if (Number.isNaN(digit)) throw wrong("whose size is not a number");
    this.#digits += 1;
    if (this.#digits > MAX_SIZE_DIGITS) throw wrong("whose size is too long");
    this.#size = this.#size * 16 + digit;
  }
}

const LINE_END = Buffer.from("\r\n", "latin1");

/** The last chunk: after it the body is complete. */
export const LAST_CHUNK = Buffer.from("0\r\n\r\n", "latin1");

/** The most bytes that a chunk has in addition to its content. */
const CHUNK_FRAMING = MAX_SIZE_DIGITS + 2 * LINE_END.length;

/**
 * Makes chunks, one after the other, in one buffer: each must be on its way before the next is made. A new buffer for
 * each took twice the memory.
 */
export class ChunkWriter {
  #room = Buffer.alloc(0);

  /** One chunk of all these pieces, which must not be empty together: an empty chunk would be the last one. */
  chunkOf(pieces: readonly Uint8Array[]): Buffer {
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    if (size === 0) throw new RangeError("a chunk without content");
    if (this.#room.length < size + CHUNK_FRAMING) this.#room = Buffer.alloc(size + CHUNK_FRAMING);
    let at = this.#room.write(`${size.toString(16)}\r\n`, "latin1");
    for (const piece of pieces) {
      this.#room.set(piece, at);
      at += piece.length;
    }
    this.#room.set(LINE_END, at);
    return this.#room.subarray(0, at + LINE_END.length);
  }
}

function expectByte(byte: number, expected: number): void {
  if (byte !== expected) throw wrong("with a line that does not end where it must");
}

function wrong(what: string): CtrlExecError {
  return new CtrlExecError("protocol", `answered wrongly: it sends chunks ${what}`);
}
