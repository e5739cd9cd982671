/** An answer as bytes. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { jsonForScreen } from "../core/text.ts";
import type { RefusalStatus } from "../system/http-connection.ts";
import { type Answer, RETRY_AFTER, refusal } from "./answer.ts";

function commonHeaders(requestId: string): Record<string, string> {
  return {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": requestId,
  };
}

/** Does nothing when the answer is out already or the client has gone. */
export function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  answer: Answer,
): void {
  if (response.destroyed || response.headersSent) return;
  // A request whose rest is still coming is answered early: the connection ends with that answer, and what
  // comes of it is dropped meanwhile.
  request.resume();
  const json = Buffer.from(jsonForScreen(JSON.stringify(answer.body)), "utf8");
  response.writeHead(answer.status, {
    ...commonHeaders(requestId),
    ...answer.headers,
    ...(request.complete ? {} : { Connection: "close" }),
    "Content-Length": json.length,
  });
  response.end(request.method === "HEAD" ? undefined : json);
}

const PHRASES: Readonly<Record<RefusalStatus, readonly [phrase: string, detail: string]>> = {
  400: ["Bad Request", "this is not HTTP/1.1 as RFC 9112 has it"],
  405: ["Method Not Allowed", "this is no proxy"],
  408: ["Request Timeout", "the request did not come in time"],
  431: ["Request Header Fields Too Large", "the head of the request is too long"],
  503: ["Service Unavailable", "too many connections are open"],
};

/** The whole answer to what was no request. */
export function rawAnswer(status: RefusalStatus, requestId: string): string {
  const [phrase, detail] = PHRASES[status];
  const { body } = refusal(status, status === 503 ? "busy" : phrase.toLowerCase(), detail);
  const json = JSON.stringify(body);
  const headers: Record<string, string> = {
    ...commonHeaders(requestId),
    ...(status === 503 ? RETRY_AFTER : {}),
    ...(status === 405 ? { Allow: "GET, HEAD, POST" } : {}),
    Connection: "close",
    "Content-Length": String(Buffer.byteLength(json)),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${phrase}`, ...lines, "", json].join("\r\n");
}
