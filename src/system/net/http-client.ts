/** One HTTP request over our own TLS connection, with limits on what comes back (T29). */
import { ResponseReader } from "../../core/wire/http-response.ts";
import { Collector } from "../memory.ts";
import type { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";
import { HttpStream } from "./http-stream.ts";
import type { ReadPace } from "./read-pace.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly host: string;
  /** JSON text; undefined sends no body. */
  readonly body: string | undefined;
  /** Most bytes accepted of the response's body. */
  readonly maxBytes: number;
  /** How many of those may be outside long texts; undefined means all. */
  readonly maxRest?: number;
  /** Asks the peer to leave the connection open. */
  readonly keepAlive: boolean;
  /**
   * Called after each piece with the bytes of memory that the answer takes, and its status once known. If it
   * throws, the request ends.
   */
  readonly onHeld?: (bytes: number, status: number | undefined) => void;
  /** Shared by concurrent requests. */
  readonly pace?: ReadPace;
  /**
   * Receives a run's stream, which was asked for, if the answer is one. The request ends with the promise. Without
   * this, such an answer is refused: no other may come in chunks.
   */
  readonly onStream?: ((stream: HttpStream) => Promise<void>) | undefined;
}

export interface HttpReply {
  readonly status: number;
  /** The body's JSON; undefined if it is not JSON. */
  readonly json: unknown;
  /** Milliseconds that the peer keeps the connection open unused; 0 if it is closed. */
  readonly keepMs: number;
  readonly heard: HeardClock | undefined;
  /** `onStream` has received the answer; there is no JSON. */
  readonly streamed?: true;
}

/** What the peer's clock said when its answer began to arrive. */
export interface HeardClock {
  readonly date: Date;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
}

/** Drop a connection this long before its peer does, so that no request collides with the close. */
const KEEP_MARGIN_MS = 1000;

/**
 * A body has a Content-Length: agents of 0.8 do not know chunked bodies, and they close after each response.
 * The connection is closed unless `keepMs` says that it can be used again. Until then, it is also closed if the
 * peer hangs up or sends anything unasked.
 *
 * @throws ConnectionFailed, or CtrlExecError: `protocol` when the answer is not HTTP, `too-large`
 */
export async function requestOver(connection: Connection, wanted: HttpRequest): Promise<HttpReply> {
  const { pace, onStream, maxBytes, maxRest } = wanted;
  const reader = new ResponseReader(maxBytes, maxRest, onStream !== undefined);
  const collector = new Collector();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let heardAt: number | undefined;
  let stream: HttpStream | undefined;
  connection.read({
    data(chunk) {
      heardAt ??= performance.now();
      collector.worked(chunk.length);
      pace?.took(chunk.length);
      try {
        const complete = reader.take(chunk);
        if (reader.stream !== undefined) {
          stream = new HttpStream(connection, reader.stream, pace);
          connection.read(stream);
          resolve();
          return;
        }
        wanted.onHeld?.(reader.held, reader.status);
        if (complete) resolve();
      } catch (thrown) {
        reject(thrown);
      }
    },
    // A body may end with the connection, but only if the peer says so.
    end() {
      if (reader.end()) resolve();
      else reject(new ConnectionFailed("ECONNRESET"));
    },
    closed: (fault) => reject(fault ?? new ConnectionFailed("ECONNRESET")),
  });
  pace?.enter(connection);
  void connection.write(requestText(wanted));
  let keepMs = 0;
  try {
    await promise;
    if (stream !== undefined) await onStream?.(stream);
    const { keepSeconds, date, ...answer } = reader.response();
    const whole = stream === undefined || stream.finish();
    const kept = wanted.keepAlive && whole && !connection.closed;
    keepMs = kept ? Math.max(0, keepSeconds * 1000 - KEEP_MARGIN_MS) : 0;
    const heard = date && heardAt !== undefined ? { date, at: heardAt } : undefined;
    return { ...answer, keepMs, heard };
  } finally {
    closeWhenHeard(connection);
    pace?.leave(connection);
    if (keepMs === 0) connection.close();
    collector.finished();
  }
}

/** While no request is under way. */
function closeWhenHeard(connection: Connection): void {
  const close = () => connection.close();
  connection.read({ data: close, end: close, closed: close });
}

function requestText({ method, path, host, body, keepAlive }: HttpRequest): string {
  const framing =
    body === undefined
      ? []
      : ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`];
  return [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    `Connection: ${keepAlive ? "keep-alive" : "close"}`,
    ...framing,
    "",
    body ?? "",
  ].join("\r\n");
}
