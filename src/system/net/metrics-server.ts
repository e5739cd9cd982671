/**
 * A port that answers GET /metrics and nothing else, for clients that may not reach the other ports of its program
 * (T34). Without a token it is meant for a loopback address, and refuses pages whose name was made to point here
 * (T25).
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { SecureContext } from "node:tls";
import { CONTENT_TYPES, type Format, formatFor } from "../../core/metrics/exposition.ts";
import { foreignHost } from "../../core/net/foreign-host.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";

export interface MetricsServerOptions {
  readonly bind: string;
  readonly port: number;
  /** The token that must be shown; undefined if none is needed. Asked for at each request. */
  token(): string | undefined;
  /** For the next handshake; undefined speaks plain HTTP. */
  secureContext(): SecureContext | undefined;
  text(format: Format): Promise<string>;
  /** Called if the text could not be made; the client is told nothing. */
  onFailure(thrown: unknown): void;
  readonly onTlsFailure: (peer: string, reason: string) => void;
}

/** A scraper keeps one; more at once are turned away (T20, T21). */
const CONNECTIONS = 16;

/** @throws CtrlExecError `config` when the port cannot be bound */
export async function startMetricsServer(options: MetricsServerOptions): Promise<HttpServer> {
  const { bind, port, secureContext, onTlsFailure } = options;
  const asked = { ...options, text: shared(options.text) };
  return await startHttpServer({
    bind,
    port,
    secureContext,
    onTlsFailure,
    connections: CONNECTIONS,
    onRequest: (request, response) => void answer(asked, request, response),
    refuse: (status) =>
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  });
}

/**
 * Those who ask while the text is being made get the same text: however many ask, only one is made at a time (T67).
 */
function shared(text: MetricsServerOptions["text"]): MetricsServerOptions["text"] {
  const underWay = new Map<Format, Promise<string>>();
  return async (format) => {
    const known = underWay.get(format);
    if (known !== undefined) return await known;
    const made = text(format).finally(() => underWay.delete(format));
    underWay.set(format, made);
    return await made;
  };
}

async function answer(
  options: MetricsServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on("error", () => undefined);
  // No body is read.
  request.resume();
  try {
    const refused = refusalOf(options, request);
    if (refused !== undefined) {
      send(request, response, refused.status, `${refused.why}\n`, refused.headers);
      return;
    }
    const format = formatFor(request.headers.accept);
    const text = await options.text(format);
    send(request, response, 200, text, { "Content-Type": CONTENT_TYPES[format], Vary: "Accept" });
  } catch (thrown) {
    options.onFailure(thrown);
    send(request, response, 500, "see the log\n");
  }
}

interface Refusal {
  readonly status: number;
  readonly why: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client without the token is told nothing, not even which paths exist. */
function refusalOf(
  { bind, token, secureContext }: MetricsServerOptions,
  { headers, method, url = "" }: IncomingMessage,
): Refusal | undefined {
  const wanted = token();
  if (wanted !== undefined && !isToken(headers.authorization, wanted)) {
    return { status: 401, why: "no token", headers: { "WWW-Authenticate": "Bearer" } };
  }
  const rule = { names: [], bind, tls: secureContext() !== undefined };
  const isPage = headers.origin !== undefined || foreignHost(url, headers.host, rule) !== undefined;
  if (wanted === undefined && isPage) return { status: 403, why: "not for web pages" };
  if (url.split("?", 1)[0] !== "/metrics") return { status: 404, why: "only /metrics is here" };
  if (method === "GET" || method === "HEAD") return undefined;
  return { status: 405, why: "only GET", headers: { Allow: "GET, HEAD" } };
}

/** Takes the same time however much of it is right. */
function isToken(header: string | undefined, wanted: string): boolean {
  const [, shown] = /^Bearer +(\S+) *$/i.exec(header ?? "") ?? [];
  return shown !== undefined && timingSafeEqual(digest(shown), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...headers,
    ...(request.complete ? {} : { Connection: "close" }),
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(request.method === "HEAD" ? undefined : text);
}
