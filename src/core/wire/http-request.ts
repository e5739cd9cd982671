/**
 * Reads HTTP/1 requests for an agent, by hand: Bun's own server is built on streams, which take a tenth of an
 * agent's memory. Anything that is not exactly a request of RFC 9112 is refused.
 */

import { CtrlExecError } from "../errors.ts";
import { BytePieces } from "./byte-pieces.ts";
import { contentLength, type HeaderField, headEnd, readHeaders, says } from "./http-message.ts";
import { MAX_HEAD_BYTES, MAX_HEADERS, MAX_REQUEST_BYTES } from "./limits.ts";

export interface HttpRequest {
  readonly kind: "request";
  readonly method: string;
  /** The request target, exactly as received. */
  readonly target: string;
  readonly body: Buffer;
  /** Whether the peer may send another request on this connection. */
  readonly keep: boolean;
}

/** The end of its bytes is unknown, so the connection must end. */
export interface RefusedRequest {
  readonly kind: "refused";
  readonly status: number;
  readonly error: string;
}

/**
 * The peer sends the body when told to continue, or when it gets tired of waiting (RFC 9110 section 10.1.1).
 */
export interface WaitingRequest {
  readonly kind: "waiting";
}

/** The target in visible ASCII (RFC 9112 section 3.2). */
const REQUEST_LINE = /^([A-Z]+) ([!-~]+) HTTP\/1\.([01])$/;

interface Head {
  readonly method: string;
  readonly target: string;
  readonly keep: boolean;
  readonly bodyLength: number;
  /** Whether the peer waits to be told to continue. */
  readonly waits: boolean;
}

/** Reads the requests of one connection, from pieces of any size. */
export class RequestReader {
  #head: Head | undefined;
  #toldToGoOn = false;
  /** What has arrived of the request; without the head, once that has been read. */
  readonly #pieces = new BytePieces();
  /** Bytes already searched for the end of the head. */
  #seen = 0;

  /** Whether part of a request has arrived. */
  get begun(): boolean {
    return this.#head !== undefined || this.#pieces.length > 0;
  }

  /** Bytes that have arrived but are not taken yet. */
  get unread(): number {
    return this.#pieces.length;
  }

  take(piece: Buffer): void {
    this.#pieces.add(piece);
  }

  /** The next request, as far as it has arrived; undefined while more bytes are needed. */
  next(): HttpRequest | RefusedRequest | WaitingRequest | undefined {
    if (this.#head === undefined) {
      const bytes = this.#pieces.joined();
      const read = readHead(bytes, this.#seen);
      this.#seen = read === undefined ? bytes.length : 0;
      if (read === undefined || "kind" in read) return read;
      this.#head = read.head;
      this.#pieces.keep(read.rest);
    }
    const { method, target, keep, bodyLength, waits } = this.#head;
    if (this.#pieces.length < bodyLength) {
      if (!waits || this.#toldToGoOn) return undefined;
      this.#toldToGoOn = true;
      return { kind: "waiting" };
    }
    const bytes = this.#pieces.joined();
    this.#pieces.keep(bytes.subarray(bodyLength));
    this.#head = undefined;
    this.#toldToGoOn = false;
    return { kind: "request", method, target, body: bytes.subarray(0, bodyLength), keep };
  }
}

const BAD_REQUEST = refused(400, "bad request");

/**
 * Undefined while more bytes are needed.
 * @param seen bytes already searched, which were the beginning of a head
 */
function readHead(
  bytes: Buffer,
  seen: number,
): { head: Head; rest: Buffer } | RefusedRequest | undefined {
  const end = headEnd(bytes, seen);
  const head = bytes.subarray(0, end < 0 ? bytes.length : end);
  // Input that cannot become a request may never send an empty line: a TLS hello, lines that end with only LF.
  if (/^[^A-Z]/.test(head.toString("latin1", 0, 1)) || hasLoneNewline(head, seen))
    return BAD_REQUEST;
  if (head.length > MAX_HEAD_BYTES) return refused(431, "too many headers");
  if (end < 0) return undefined;
  const parsed = parseHead(head.toString("latin1"));
  return "kind" in parsed ? parsed : { head: parsed, rest: bytes.subarray(end + 4) };
}

/** Whether a line from there on ends with only LF. */
function hasLoneNewline(bytes: Buffer, from: number): boolean {
  let at = bytes.indexOf("\n", from);
  while (at >= 0 && bytes[at - 1] === CARRIAGE_RETURN) at = bytes.indexOf("\n", at + 1);
  return at >= 0;
}

const CARRIAGE_RETURN = 0x0d;

/** @param text everything before the empty line */
function parseHead(text: string): Head | RefusedRequest {
  const [requestLine = "", ...lines] = text.split("\r\n");
  const [, method = "", target = "", minor] = REQUEST_LINE.exec(requestLine) ?? [];
  if (method === "") return BAD_REQUEST;
  if (lines.length > MAX_HEADERS) return refused(431, "too many headers");
  let headers: HeaderField[];
  let bodyLength: number;
  try {
    headers = readHeaders(lines);
    if (headers.some(({ name }) => name === "transfer-encoding")) {
      return refused(411, "a body needs a Content-Length");
    }
    bodyLength = contentLength(headers) ?? 0;
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) return BAD_REQUEST;
    throw thrown;
  }
  if (bodyLength > MAX_REQUEST_BYTES) return refused(413, "request too large");
  // A proxy may have used one, and we might use the other (RFC 9112 section 3.2). A request without one is
  // accepted: there is only one host here.
  if (headers.filter(({ name }) => name === "host").length > 1) return BAD_REQUEST;
  return {
    method,
    target,
    bodyLength,
    keep: minor === "1" && !says(headers, "connection", "close"),
    waits: minor === "1" && says(headers, "expect", "100-continue"),
  };
}

function refused(status: number, error: string): RefusedRequest {
  return { kind: "refused", status, error };
}
