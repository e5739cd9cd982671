/**
 * Reads the answer of an HTTP server that is not ours, of any software: a receiver of notices, or where releases are. A
 * server may send heads of its own before the answer's (RFC 9110 section 15.2), and a hostile one never stops.
 */
import { CtrlExecError } from "../errors.ts";
import { formatBytes } from "../units.ts";
import { BytePieces } from "./byte-pieces.ts";
import { ChunkReader } from "./chunks.ts";
import { contentLength, readHeaders } from "./http-message.ts";

/** All heads together. */
export const MAX_FOREIGN_HEADS = 65_536;

const HEAD_END = "\r\n\r\n";

type BodyEnd =
  | { readonly by: "length"; readonly bytes: number }
  | { readonly by: "chunks"; readonly reader: ChunkReader }
  | { readonly by: "close" };

export class ForeignResponseReader {
  readonly #maxBody: number | undefined;
  readonly #heads = Buffer.alloc(MAX_FOREIGN_HEADS);
  /** Bytes of the heads that have come, and of the interim ones among them. */
  #length = 0;
  #skipped = 0;
  #status: number | undefined;
  #end: BodyEnd = { by: "close" };
  readonly #body = new BytePieces();

  /** @param maxBody most bytes accepted of the body of a 200; undefined if only the status matters */
  constructor(maxBody: number | undefined) {
    this.#maxBody = maxBody;
  }

  /** Undefined until the head has come. */
  get status(): number | undefined {
    return this.#status;
  }

  /** @returns whether the answer is complete @throws CtrlExecError `protocol`, `too-large` */
  take(piece: Buffer): boolean {
    const rest = this.#status === undefined ? this.#takeHead(piece) : piece;
    if (this.#status === undefined) return false;
    return (
      this.#maxBody === undefined || this.#status !== 200 || this.#takeBody(rest, this.#maxBody)
    );
  }

  /** The connection has ended. @returns whether the answer is complete */
  end(): boolean {
    return this.#status !== undefined && this.#end.by === "close";
  }

  body(): Buffer {
    return this.#body.joined();
  }

  /** @returns the bytes after the answer's head */
  #takeHead(piece: Buffer): Buffer {
    const before = this.#length;
    this.#length += piece.copy(this.#heads, before);
    const bytes = this.#heads.subarray(0, this.#length);
    for (let from = Math.max(this.#skipped, before - 3); ; from = this.#skipped) {
      const end = bytes.indexOf(HEAD_END, from);
      if (end < 0) break;
      const head = bytes.toString("latin1", this.#skipped, end);
      const status = Number(/^HTTP\/1\.[01] ([1-9]\d\d)(?: |\r|$)/.exec(head)?.[1]);
      // 101: nobody has asked for another protocol.
      if (Number.isNaN(status) || status === 101) throw notHttp();
      this.#skipped = end + HEAD_END.length;
      if (status < 200) continue;
      if (status === 200 && this.#maxBody !== undefined) this.#end = bodyEndOf(head);
      this.#status = status;
      return piece.subarray(this.#skipped - before);
    }
    if (this.#length === MAX_FOREIGN_HEADS) {
      throw new CtrlExecError("protocol", "it sends headers without end");
    }
    return piece.subarray(piece.length);
  }

  #takeBody(piece: Buffer, maxBody: number): boolean {
    const end = this.#end;
    if (end.by === "chunks") {
      for (const part of end.reader.take(piece)) this.#keep(part, maxBody);
      return end.reader.ended;
    }
    if (end.by === "close") {
      this.#keep(piece, maxBody);
      return false;
    }
    if (end.bytes > maxBody) throw tooLong(maxBody);
    this.#keep(piece.subarray(0, end.bytes - this.#body.length), maxBody);
    return this.#body.length === end.bytes;
  }

  #keep(piece: Buffer, maxBody: number): void {
    if (piece.length === 0) return;
    this.#body.add(piece);
    if (this.#body.length > maxBody) throw tooLong(maxBody);
  }
}

/** @throws CtrlExecError `protocol` */
function bodyEndOf(head: string): BodyEnd {
  const headers = readHeaders(head.split("\r\n").slice(1));
  const [coding, ...others] = headers.filter(({ name }) => name === "transfer-encoding");
  if (coding?.value.toLowerCase() === "chunked" && others.length === 0) {
    const rest = headers.filter((header) => header !== coding);
    // Two lengths are used to smuggle (RFC 9112 section 6.3).
    if (contentLength(rest) !== undefined) throw notHttp();
    return { by: "chunks", reader: new ChunkReader() };
  }
  const bytes = contentLength(headers);
  return bytes === undefined ? { by: "close" } : { by: "length", bytes };
}

function notHttp(): CtrlExecError {
  return new CtrlExecError("protocol", "it answers with something that is not HTTP");
}

function tooLong(maxBody: number): CtrlExecError {
  return new CtrlExecError("too-large", `it is longer than ${formatBytes(maxBody)}`);
}
