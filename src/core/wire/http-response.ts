/**
 * Reads an agent's HTTP/1 response, by hand: Bun's own client costs a command 3 ms on first use, and a fan-out
 * a tenth of its time.
 */
import { CtrlExecError, messageOf } from "../errors.ts";
import { parseHttpDate } from "../time.ts";
import { formatBytes } from "../units.ts";
import { FRAMES_TYPE } from "./frames.ts";
import { contentLength, type HeaderField, readHeaders, says } from "./http-message.ts";
import { JsonReader } from "./json-reader.ts";
import { MAX_HEAD_BYTES } from "./limits.ts";

export interface ResponseHead {
  readonly status: number;
  /** Undefined if the body ends with the connection (RFC 9112 section 6.3). */
  readonly bodyLength: number | undefined;
  /** Seconds that the peer keeps the connection open unused; 0 if it closes. */
  readonly keepSeconds: number;
  /** What the peer's clock said; undefined if it does not say, like 0.8. */
  readonly date?: Date | undefined;
  /** The body is a run's frames, in chunks. */
  readonly isStream?: true;
}

/**
 * @param text everything before the empty line
 * @param mayStream whether a run's stream was asked for; no other answer may come in chunks
 * @throws CtrlExecError `protocol`
 */
export function parseResponseHead(text: string, mayStream = false): ResponseHead {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const [, version, status] = /^HTTP\/1\.([01]) ([2-5]\d\d)(?: .*)?$/.exec(statusLine) ?? [];
  if (status === undefined) throw notHttp();
  const streams = mayStream && version === "1" && status === "200";
  const { headers, bodyLength, isStream } = readFraming(lines, streams);
  const kept = version === "1" && !says(headers, "connection", "close");
  const keepAlive = headers.find(({ name }) => name === "keep-alive")?.value ?? "";
  const announced = /timeout=(\d{1,5})/.exec(keepAlive)?.[1];
  return {
    status: Number(status),
    bodyLength,
    keepSeconds: kept ? Number(announced ?? 0) : 0,
    date: parseHttpDate(headers.find(({ name }) => name === "date")?.value ?? ""),
    ...(isStream ? { isStream } : {}),
  };
}

function readFraming(lines: readonly string[], mayStream: boolean) {
  try {
    const headers = readHeaders(lines);
    const isStream = mayStream && isStreamOfFrames(headers);
    return { headers, isStream, bodyLength: isStream ? undefined : contentLength(headers) };
  } catch (thrown) {
    // The caller puts the peer's name before it.
    throw new CtrlExecError("protocol", `answered wrongly: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** Chunks of frames and nothing else: a length beside them is not ignored (RFC 9112 section 6.3). */
function isStreamOfFrames(headers: readonly HeaderField[]): boolean {
  const framing = ["transfer-encoding", "content-length", "content-type"].map((wanted) =>
    headers.filter(({ name }) => name === wanted).map(({ value }) => value.toLowerCase()),
  );
  return framing.join("|") === `chunked||${FRAMES_TYPE}`;
}

export function notJson(): CtrlExecError {
  return new CtrlExecError("protocol", "answered with something that is not JSON");
}

function notHttp(): CtrlExecError {
  return new CtrlExecError("protocol", "answered with something that is not HTTP");
}

export interface HttpResponse {
  readonly status: number;
  /** The body's JSON; undefined if it is not JSON. */
  readonly json: unknown;
  readonly keepSeconds: number;
  readonly date?: Date | undefined;
  /** It was a run's stream, which others have read. */
  readonly streamed?: true;
}

const START = "HTTP/1.";

/** Reads a response from pieces of any size. */
export class ResponseReader {
  readonly #maxBody: number;
  readonly #mayStream: boolean;
  #head: ResponseHead | undefined;
  #headBytes: Buffer = Buffer.alloc(0);
  readonly #body: JsonReader;
  /** Bytes of the body that have arrived, and of anything after it. */
  #length = 0;
  #stream: Buffer | undefined;

  /**
   * @param maxBody most bytes accepted of the body (T29)
   * @param maxRest how many of those may be outside long texts: parsed, they take many times as much
   * @param mayStream whether a run's stream was asked for
   */
  constructor(maxBody: number, maxRest = maxBody, mayStream = false) {
    this.#maxBody = maxBody;
    this.#mayStream = mayStream;
    this.#body = new JsonReader(maxRest);
  }

  /** Undefined until the head has arrived. */
  get status(): number | undefined {
    return this.#head?.status;
  }

  /** Once a stream begins: its first bytes; the caller reads on from there. Undefined for any other answer. */
  get stream(): Buffer | undefined {
    return this.#stream;
  }

  /** Bytes of memory held so far. */
  get held(): number {
    return this.#headBytes.length + this.#body.held;
  }

  /** Returns whether the response is complete. @throws CtrlExecError `protocol`, `too-large` */
  take(chunk: Buffer): boolean {
    const rest = this.#head === undefined ? this.#takeHead(chunk) : chunk;
    if (this.#head === undefined) return false;
    const { bodyLength, isStream } = this.#head;
    if (isStream) {
      this.#stream = rest;
      return false;
    }
    const start = this.#length;
    this.#length += rest.length;
    if (Math.max(this.#length, bodyLength ?? 0) > this.#maxBody) {
      throw new CtrlExecError("too-large", `is larger than ${formatBytes(this.#maxBody)}`);
    }
    const wanted = Math.max(0, (bodyLength ?? this.#length) - start);
    this.#body.take(rest.subarray(0, wanted));
    // It may never end.
    if (!this.#body.isJson) throw notJson();
    return bodyLength !== undefined && this.#length >= bodyLength;
  }

  /** The connection has ended. Returns whether the response is complete. */
  end(): boolean {
    return this.#head !== undefined && (this.#head.bodyLength ?? 0) <= this.#length;
  }

  /** The complete response. */
  response(): HttpResponse {
    if (this.#head === undefined) throw notHttp();
    const { status, bodyLength, keepSeconds, date, isStream } = this.#head;
    if (isStream) return { status, json: undefined, keepSeconds, date, streamed: isStream };
    // Bytes after the body belong to no request: such a connection is not used again.
    const exact = this.#length === (bodyLength ?? this.#length);
    return { status, json: this.#body.end(), keepSeconds: exact ? keepSeconds : 0, date };
  }

  /** Returns the bytes after the head. */
  #takeHead(chunk: Buffer): Buffer {
    const before = this.#headBytes;
    const bytes = before.length === 0 ? chunk : Buffer.concat([before, chunk]);
    const start = bytes.toString("latin1", 0, START.length);
    // A server that greets with something else, like SSH, may never send an empty line.
    if (!START.startsWith(start)) throw notHttp();
    const end = bytes.indexOf("\r\n\r\n");
    if ((end < 0 ? bytes.length : end) > MAX_HEAD_BYTES) throw notHttp();
    this.#headBytes = bytes;
    if (end < 0) return bytes.subarray(bytes.length);
    this.#head = parseResponseHead(bytes.toString("latin1", 0, end), this.#mayStream);
    return bytes.subarray(end + 4);
  }
}
