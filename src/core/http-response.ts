/**
 * One HTTP/1 response as an agent sends it, read by hand: Bun's own client costs a command 3 ms on
 * first use, and a fan-out a tenth of its time.
 */
import { CtrlExecError } from "./errors.ts";
import { contentLength, MAX_HEAD_BYTES, readHeaders } from "./http-message.ts";

export interface ResponseHead {
  readonly status: number;
  /** Undefined when the body ends with the connection (RFC 9112 section 6.3). */
  readonly bodyLength: number | undefined;
  /** Seconds that the peer lets the connection stand unused; 0 when it closes. */
  readonly keepSeconds: number;
}

/**
 * @param text everything before the empty line
 * @throws CtrlExecError `protocol`
 */
export function parseResponseHead(text: string): ResponseHead {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const [, version, status] = /^HTTP\/1\.([01]) ([2-5]\d\d)(?: .*)?$/.exec(statusLine) ?? [];
  if (status === undefined) throw notHttp();
  const headers = readHeaders(lines);
  const header = (name: string) => headers.find((field) => field.name === name)?.value ?? "";
  const kept = version === "1" && header("connection").toLowerCase() !== "close";
  const announced = /timeout=(\d{1,5})/.exec(header("keep-alive"))?.[1];
  return {
    status: Number(status),
    bodyLength: contentLength(headers),
    keepSeconds: kept ? Number(announced ?? 0) : 0,
  };
}

function notHttp(): CtrlExecError {
  return new CtrlExecError("protocol", "answered with something that is not HTTP");
}

export interface HttpResponse {
  readonly status: number;
  readonly body: string;
  readonly keepSeconds: number;
}

const START = "HTTP/1.";

/** Collects a response from whatever pieces it comes in. */
export class ResponseReader {
  readonly #maxBody: number;
  #head: ResponseHead | undefined;
  /** The head's bytes at first, then the body's. */
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  /** @param maxBody bytes of the body that are accepted (T29) */
  constructor(maxBody: number) {
    this.#maxBody = maxBody;
  }

  /** Returns true when the response is complete. @throws CtrlExecError `protocol` */
  take(chunk: Buffer): boolean {
    this.#append(chunk);
    this.#head ??= this.#takeHead();
    if (this.#head === undefined) return false;
    const { bodyLength } = this.#head;
    if (Math.max(this.#length, bodyLength ?? 0) > this.#maxBody) {
      throw new CtrlExecError("protocol", `answered with more than ${this.#maxBody} bytes`);
    }
    return bodyLength !== undefined && this.#length >= bodyLength;
  }

  /** The connection has ended. Returns whether the response is complete. */
  end(): boolean {
    return this.#head !== undefined && (this.#head.bodyLength ?? 0) <= this.#length;
  }

  /** The complete response; lets go of the bytes. */
  response(): HttpResponse {
    if (this.#head === undefined) throw notHttp();
    const { status, bodyLength = this.#length, keepSeconds } = this.#head;
    const body = this.#bytes.toString("utf8", 0, bodyLength);
    // What comes behind the body belongs to no request: such a connection is not used again.
    const exact = this.#length === bodyLength;
    this.#bytes = Buffer.alloc(0);
    return { status, body, keepSeconds: exact ? keepSeconds : 0 };
  }

  #takeHead(): ResponseHead | undefined {
    const start = this.#bytes.toString("latin1", 0, Math.min(this.#length, START.length));
    // What greets with something else, as SSH does, may never send an empty line.
    if (!START.startsWith(start)) throw notHttp();
    const end = this.#bytes.subarray(0, this.#length).indexOf("\r\n\r\n");
    if (end > MAX_HEAD_BYTES || (end < 0 && this.#length > MAX_HEAD_BYTES)) throw notHttp();
    if (end < 0) return undefined;
    const head = parseResponseHead(this.#bytes.toString("latin1", 0, end));
    this.#bytes = this.#bytes.subarray(end + 4, this.#length);
    this.#length = this.#bytes.length;
    return head;
  }

  /** Doubles its room, so that memory follows what has come and not what was announced. */
  #append(chunk: Buffer): void {
    if (this.#length === 0) {
      this.#bytes = chunk;
    } else if (this.#length + chunk.length <= this.#bytes.length) {
      chunk.copy(this.#bytes, this.#length);
    } else {
      const room = Math.max(2 * this.#length, this.#length + chunk.length);
      const wanted = Math.min(room, this.#head?.bodyLength ?? room);
      const larger = Buffer.allocUnsafe(Math.max(wanted, this.#length + chunk.length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      chunk.copy(larger, this.#length);
      this.#bytes = larger;
    }
    this.#length += chunk.length;
  }
}
