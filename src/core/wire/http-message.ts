/**
 * The common parts of HTTP messages, and the messages of the pairing port: one request and two complete
 * responses on one connection (docs/PROTOCOL.md, section 1). Bodies have a Content-Length.
 */

import { CtrlExecError } from "../errors.ts";
import { BytePieces } from "./byte-pieces.ts";
import { MAX_PAIRING_HEAD_BYTES } from "./limits.ts";

export interface HttpMessage {
  /** Request line or status line. */
  readonly startLine: string;
  readonly body: string;
}

const HEAD_END = "\r\n\r\n";

/** Where the head ends; negative if it is incomplete. @param seen bytes already searched */
export function headEnd(bytes: Buffer, seen: number): number {
  return bytes.indexOf(HEAD_END, Math.max(0, seen - HEAD_END.length + 1));
}

/** The messages of one connection. A head is read once, however small the pieces are (T61). */
export class HttpMessageReader {
  readonly #maxBody: number;
  readonly #pieces = new BytePieces();
  #seen = 0;
  #head: { readonly startLine: string; readonly bodyLength: number } | undefined;

  /** @param maxBody most bytes accepted of a body */
  constructor(maxBody: number) {
    this.#maxBody = maxBody;
  }

  take(piece: Buffer): void {
    this.#pieces.add(piece);
  }

  /**
   * The next complete message; undefined while more bytes are needed.
   *
   * @throws CtrlExecError `protocol` if it is not HTTP/1, `too-large` beyond `maxBody` bytes
   */
  next(): HttpMessage | undefined {
    this.#head ??= this.#takeHead();
    if (this.#head === undefined || this.#pieces.length < this.#head.bodyLength) return undefined;
    const { startLine, bodyLength } = this.#head;
    const bytes = this.#pieces.joined();
    this.#pieces.keep(bytes.subarray(bodyLength));
    this.#head = undefined;
    return { startLine, body: bytes.toString("utf8", 0, bodyLength) };
  }

  #takeHead() {
    const bytes = this.#pieces.joined();
    const end = headEnd(bytes, this.#seen);
    if ((end < 0 ? bytes.length : end) > MAX_PAIRING_HEAD_BYTES) {
      throw new CtrlExecError("protocol", "HTTP head too long");
    }
    this.#seen = end < 0 ? bytes.length : 0;
    if (end < 0) return undefined;
    const head = parseHead(bytes.toString("latin1", 0, end));
    if (head.bodyLength > this.#maxBody) {
      throw new CtrlExecError("too-large", "HTTP body too long");
    }
    this.#pieces.keep(bytes.subarray(end + HEAD_END.length));
    return head;
  }
}

/** @param text everything before the empty line */
function parseHead(text: string) {
  const [startLine = "", ...headers] = text.split("\r\n");
  if (!/^(?:[A-Z]+ \S+ HTTP\/1\.[01]|HTTP\/1\.[01] \d{3}(?: .*)?)$/.test(startLine)) {
    throw new CtrlExecError("protocol", "not an HTTP/1 message");
  }
  return { startLine, bodyLength: contentLength(readHeaders(headers)) ?? 0 };
}

/**
 * A header line: a token, a colon at once, no control characters, no continuation (RFC 9112 section 5). The
 * blanks around the value are not part of the pattern: with thousands of them, it would try each way of
 * dividing them for minutes (T19).
 */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)$/;

export interface HeaderField {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
}

/** @throws CtrlExecError `protocol` */
export function readHeaders(lines: readonly string[]): HeaderField[] {
  return lines.map((line) => {
    const [, name = "", value = ""] = HEADER.exec(line) ?? [];
    if (name === "") throw new CtrlExecError("protocol", "not an HTTP/1 message");
    return { name: name.toLowerCase(), value: withoutBlanks(value) };
  });
}

/** Only blanks and tabs: `trim` removes more, and a length after such a character would count. */
function withoutBlanks(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value, start)) start += 1;
  while (start < end && isBlank(value, end - 1)) end -= 1;
  return value.slice(start, end);
}

function isBlank(text: string, at: number): boolean {
  return text[at] === " " || text[at] === "\t";
}

/**
 * Whether a header that is a list, such as Connection or Expect, has the item (RFC 9110 sections 7.6.1 and
 * 10.1.1).
 * @param name lower case
 * @param item lower case
 */
export function says(headers: readonly HeaderField[], name: string, item: string): boolean {
  const listed = (value: string) => value.split(",").map((text) => text.trim().toLowerCase());
  return headers.some((field) => field.name === name && listed(field.value).includes(item));
}

/** Undefined if there is none. @throws CtrlExecError `protocol` */
export function contentLength(headers: readonly HeaderField[]): number | undefined {
  const lengths = headers.filter(({ name }) => name === "content-length");
  // Other framing is used to smuggle requests (RFC 9112 section 6.3).
  const framedOtherwise = headers.some(({ name }) => name === "transfer-encoding");
  const [length] = lengths;
  if (lengths.length > 1 || framedOtherwise || !/^\d{1,15}$/.test(length?.value ?? "0")) {
    throw new CtrlExecError("protocol", "HTTP message without one Content-Length");
  }
  return length === undefined ? undefined : Number(length.value);
}

export function formatHttpRequest(path: string, host: string, json: string): string {
  return formatMessage([`POST ${path} HTTP/1.0`, `Host: ${host}`], json);
}

export function formatHttpResponse(json: string): string {
  return formatMessage(["HTTP/1.0 200 OK"], json);
}

function formatMessage(head: readonly string[], json: string): string {
  return [
    ...head,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(json)}`,
    "",
    json,
  ].join("\r\n");
}
