/** One HTTP request over a TLS connection of our own, with bounds on what comes back (T29). */
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { CtrlExecError, systemCode } from "../core/errors.ts";
import { ConnectionFailed } from "./tls.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly host: string;
  /** JSON text; undefined sends none. */
  readonly body: string | undefined;
  /** Bytes of the response's body that are accepted. */
  readonly maxBytes: number;
  /** Asks the peer to leave the connection open. */
  readonly keepAlive: boolean;
}

export interface HttpReply {
  readonly status: number;
  readonly body: Buffer;
  /** Milliseconds that the peer lets the connection stand unused; 0 when it is closed. */
  readonly keepMs: number;
}

/**
 * The body has a Content-Length: 0.8 agents know no chunked bodies, and they close after each
 * response. The connection is destroyed unless `keepMs` says that it can be used again.
 *
 * @throws ConnectionFailed, or CtrlExecError `protocol` when the answer is not HTTP or too large
 */
export async function requestOver(socket: TLSSocket, wanted: HttpRequest): Promise<HttpReply> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpReply>();
  const onClose = () => reject(new ConnectionFailed("ECONNRESET"));
  // Nothing would ever be heard of a request on a connection that is closed already.
  if (socket.destroyed) throw new ConnectionFailed("ECONNRESET");
  socket.once("close", onClose);
  const request = httpRequest({
    createConnection: () => socket,
    method: wanted.method,
    path: wanted.path,
    headers: {
      Host: wanted.host,
      Connection: wanted.keepAlive ? "keep-alive" : "close",
      ...(wanted.body === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(wanted.body) }),
    },
  });
  request.on("error", (thrown) => reject(asFailure(thrown)));
  request.on("response", (response) => {
    readBody(response, wanted.maxBytes).then(
      (body) => resolve({ status: response.statusCode ?? 0, body, keepMs: keepTime(response) }),
      reject,
    );
  });
  request.end(wanted.body);
  let keepMs = 0;
  try {
    const reply = await promise;
    keepMs = wanted.keepAlive && !socket.destroyed ? reply.keepMs : 0;
    return { ...reply, keepMs };
  } finally {
    socket.off("close", onClose);
    if (keepMs === 0) socket.destroy();
  }
}

/** Let go of a connection this long before its peer does, so that no request meets the closing. */
const KEEP_MARGIN_MS = 1000;

function keepTime({ headers, httpVersion }: IncomingMessage): number {
  if (httpVersion !== "1.1" || headers.connection?.toLowerCase() === "close") return 0;
  const announced = /timeout=(\d{1,5})/.exec(String(headers["keep-alive"] ?? ""))?.[1];
  return announced === undefined ? 0 : Math.max(0, Number(announced) * 1000 - KEEP_MARGIN_MS);
}

function asFailure(thrown: unknown): Error {
  const code = systemCode(thrown);
  if (!code.startsWith("HPE_")) return new ConnectionFailed(code, thrown);
  return new CtrlExecError("protocol", "answered with something that is not HTTP", {
    cause: thrown,
  });
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  response.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxBytes) chunks.push(chunk);
    else reject(new CtrlExecError("protocol", `answered with more than ${maxBytes} bytes`));
  });
  response.on("end", () => {
    if (response.complete) resolve(Buffer.concat(chunks, length));
    else reject(new ConnectionFailed("ECONNRESET"));
  });
  response.on("error", (thrown) => reject(asFailure(thrown)));
  return promise;
}
