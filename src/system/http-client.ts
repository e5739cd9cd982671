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
}

export interface HttpReply {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * The body has a Content-Length and the connection is for this request alone: 0.8 agents know no
 * chunked bodies and close after each response.
 *
 * @throws ConnectionFailed, or CtrlExecError `protocol` when the answer is not HTTP or too large
 */
export async function requestOver(socket: TLSSocket, wanted: HttpRequest): Promise<HttpReply> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpReply>();
  const request = httpRequest({
    createConnection: () => socket,
    method: wanted.method,
    path: wanted.path,
    headers: {
      Host: wanted.host,
      Connection: "close",
      ...(wanted.body === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(wanted.body) }),
    },
  });
  request.on("error", (thrown) => reject(asFailure(thrown)));
  request.on("response", (response) => {
    readBody(response, wanted.maxBytes).then(
      (body) => resolve({ status: response.statusCode ?? 0, body }),
      reject,
    );
  });
  socket.once("close", () => reject(new ConnectionFailed("ECONNRESET")));
  request.end(wanted.body);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
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
