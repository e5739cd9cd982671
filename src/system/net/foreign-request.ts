/**
 * One request to an HTTP server that is not ours, and to no other: no redirect is followed, no proxy from the
 * environment is used, and TLS is verified whatever the environment says (T03, T35). Bun's own client reads interim
 * answers without end, and holds the event loop meanwhile: what comes before the answer is bounded here.
 */
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { isIp } from "../../core/net/ip-address.ts";
import type { ForeignResponseReader } from "../../core/wire/foreign-response.ts";
import { Deadline } from "../deadline.ts";

export interface ForeignRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined sends none. */
  readonly body?: string;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  /** PEM; undefined means the authorities that are generally trusted. */
  readonly ca?: string | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Resolves once the reader has the answer.
 *
 * @throws Error that says why there is none, in time or at all
 */
export async function askForeign(
  request: ForeignRequest,
  reader: ForeignResponseReader,
): Promise<void> {
  const { timeoutMs, signal } = request;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connected(request);
  const onAbort = () => reject(new Error("it was interrupted"));
  using _late = new Deadline(timeoutMs, () => {
    reject(new Error(`no answer within ${timeoutMs / 1000} s`));
  });
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  let isOver = false;
  socket.on("data", (piece: Buffer) => {
    if (isOver) return;
    try {
      isOver = reader.take(piece);
      if (isOver) resolve();
    } catch (thrown) {
      isOver = true;
      reject(thrown);
    }
    if (isOver) socket.destroy();
  });
  socket.on("end", () => {
    if (reader.end()) resolve();
    else reject(new Error("the answer was cut"));
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the connection was closed")));
  socket.write(textOf(request));
  try {
    await promise;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

/** What is written before it is connected, and verified, waits for that. */
function connected({ url, ca }: ForeignRequest): Socket {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isTls = url.protocol === "https:";
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  if (!isTls) return connectPlain({ host, port });
  return connectTls({
    host,
    port,
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    ...(isIp(host) ? {} : { servername: host }),
  });
}

function textOf({ method, url, headers, body }: ForeignRequest): string {
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const all = {
    Host: url.host,
    ...(login === ":" ? {} : { Authorization: `Basic ${Buffer.from(login).toString("base64")}` }),
    ...headers,
    ...(body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) }),
    Connection: "close",
  };
  return [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    ...Object.entries(all).map(([name, value]) => `${name}: ${value}`),
    "",
    body ?? "",
  ].join("\r\n");
}
