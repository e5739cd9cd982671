/** One HTTP request over a TLS connection of our own, with bounds on what comes back (T29). */
import { ResponseReader } from "../../core/wire/http-response.ts";
import { Collector } from "../memory.ts";
import type { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";
import type { ReadPace } from "./read-pace.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly host: string;
  /** JSON text; undefined sends none. */
  readonly body: string | undefined;
  /** Bytes of the response's body that are accepted. */
  readonly maxBytes: number;
  /** Of those, what may come beside long texts; undefined means all. */
  readonly maxRest?: number;
  /** Asks the peer to leave the connection open. */
  readonly keepAlive: boolean;
  /**
   * Told after each piece how many bytes of memory the answer takes, and its status once that has come; what it
   * throws ends the request.
   */
  readonly onHeld?: (bytes: number, status: number | undefined) => void;
  /** Shared by the requests that go on at once. */
  readonly pace?: ReadPace;
}

export interface HttpReply {
  readonly status: number;
  /** The body's JSON; undefined when it is none. */
  readonly json: unknown;
  /** Milliseconds that the peer lets the connection stand unused; 0 when it is closed. */
  readonly keepMs: number;
  readonly heard: HeardClock | undefined;
}

/** What the peer's clock said when its answer began to come. */
export interface HeardClock {
  readonly date: Date;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
}

/** Let go of a connection this long before its peer does, so that no request meets the closing. */
const KEEP_MARGIN_MS = 1000;

/**
 * The body has a Content-Length: 0.8 agents know no chunked bodies, and they close after each
 * response. The connection is closed unless `keepMs` says that it can be used again; until it is, a
 * peer that hangs up or speaks without being asked closes it.
 *
 * @throws ConnectionFailed, or CtrlExecError: `protocol` when the answer is not HTTP, `too-large`
 */
export async function requestOver(connection: Connection, wanted: HttpRequest): Promise<HttpReply> {
  const reader = new ResponseReader(wanted.maxBytes, wanted.maxRest);
  const collector = new Collector();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let heardAt: number | undefined;
  connection.read({
    data(chunk) {
      heardAt ??= performance.now();
      collector.worked(chunk.length);
      wanted.pace?.took(chunk.length);
      try {
        const complete = reader.take(chunk);
        wanted.onHeld?.(reader.held, reader.status);
        if (complete) resolve();
      } catch (thrown) {
        reject(thrown);
      }
    },
    // A body may end with the connection, but only where the peer says so.
    end() {
      if (reader.end()) resolve();
      else reject(new ConnectionFailed("ECONNRESET"));
    },
    closed: (fault) => reject(fault ?? new ConnectionFailed("ECONNRESET")),
  });
  wanted.pace?.enter(connection);
  void connection.write(requestText(wanted));
  let keepMs = 0;
  try {
    await promise;
    const { status, json, keepSeconds, date } = reader.response();
    const kept = wanted.keepAlive && !connection.closed;
    keepMs = kept ? Math.max(0, keepSeconds * 1000 - KEEP_MARGIN_MS) : 0;
    const heard = date && heardAt !== undefined ? { date, at: heardAt } : undefined;
    return { status, json, keepMs, heard };
  } finally {
    closeWhenHeard(connection);
    wanted.pace?.leave(connection);
    if (keepMs === 0) connection.close();
    collector.finished();
  }
}

/** For as long as nothing has been asked. */
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
