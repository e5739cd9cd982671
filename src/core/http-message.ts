/**
 * HTTP framing for the pairing port alone: one request and two complete responses on one
 * connection (PROTOCOL section 1), which no HTTP library speaks. Bodies have a Content-Length.
 */
import { CtrlExecError } from "./errors.ts";

export interface HttpMessage {
  /** Request line or status line. */
  readonly startLine: string;
  readonly body: string;
  /** Bytes of the buffer that the message took. */
  readonly length: number;
}

const MAX_HEAD_BYTES = 8192;

/**
 * Takes the first whole message from the buffer; undefined while more bytes are needed.
 *
 * @throws CtrlExecError `protocol` when it is not HTTP/1, `too-large` beyond `maxBody` bytes
 */
export function takeHttpMessage(buffer: Buffer, maxBody: number): HttpMessage | undefined {
  const end = buffer.indexOf("\r\n\r\n");
  if (end < 0) {
    if (buffer.length > MAX_HEAD_BYTES) throw new CtrlExecError("protocol", "HTTP head too long");
    return undefined;
  }
  if (end > MAX_HEAD_BYTES) throw new CtrlExecError("protocol", "HTTP head too long");
  const [startLine = "", ...headers] = buffer.toString("latin1", 0, end).split("\r\n");
  if (!/^(?:[A-Z]+ \S+ HTTP\/1\.[01]|HTTP\/1\.[01] \d{3}(?: .*)?)$/.test(startLine)) {
    throw new CtrlExecError("protocol", "not an HTTP/1 message");
  }
  const bodyLength = contentLength(headers);
  if (bodyLength > maxBody) throw new CtrlExecError("too-large", "HTTP body too long");
  const bodyStart = end + 4;
  if (buffer.length < bodyStart + bodyLength) return undefined;
  return {
    startLine,
    body: buffer.toString("utf8", bodyStart, bodyStart + bodyLength),
    length: bodyStart + bodyLength,
  };
}

/** A header line: a token, a colon at once, and no continuation lines (RFC 9112 section 5). */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/;

function contentLength(headers: readonly string[]): number {
  const lengths: string[] = [];
  for (const header of headers) {
    const [, name = "", value = ""] = HEADER.exec(header) ?? [];
    if (name === "") throw new CtrlExecError("protocol", "not an HTTP/1 message");
    if (/^content-length$/i.test(name)) lengths.push(value);
    // A body framed another way is how requests are smuggled (RFC 9112 section 6.3).
    if (/^transfer-encoding$/i.test(name)) lengths.push("chunked");
  }
  const [length = "0"] = lengths;
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) {
    throw new CtrlExecError("protocol", "HTTP message without one Content-Length");
  }
  return Number(length);
}

export function formatHttpRequest(path: string, host: string, json: string): string {
  return [
    `POST ${path} HTTP/1.0`,
    `Host: ${host}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(json)}`,
    "",
    json,
  ].join("\r\n");
}

export function formatHttpResponse(json: string, status = "200 OK"): string {
  return [
    `HTTP/1.0 ${status}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(json)}`,
    "",
    json,
  ].join("\r\n");
}
