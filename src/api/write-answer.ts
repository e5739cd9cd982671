/** Writes an answer of JSON as bytes. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { jsonForScreen } from "../core/text.ts";
import { jsonPieces } from "../core/wire/json-pieces.ts";
import { collecting } from "../system/memory.ts";
import type { RefusalStatus } from "../system/net/http-connection.ts";
import { type JsonAnswer, RETRY_AFTER, refusal } from "./answer.ts";

/** The headers of every answer. */
export function commonHeaders(requestId: string): Record<string, string> {
  return {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": requestId,
  };
}

/**
 * Does nothing if the answer has been sent or the client has gone. A long answer is never held as JSON: a first
 * pass only counts its length, then it is generated as the client reads it, and others have their turn between
 * two pieces (T69).
 */
export async function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  answer: JsonAnswer,
): Promise<void> {
  if (response.destroyed || response.headersSent) return;
  // A request that is still arriving is answered early: the connection ends with that answer, and the rest of
  // the request is dropped.
  request.resume();
  const writeHead = (length: number) =>
    response.writeHead(answer.status, {
      ...commonHeaders(requestId),
      ...answer.headers,
      ...(request.complete ? {} : { Connection: "close" }),
      "Content-Length": length,
    });
  const pieces = bytesOf(answer.body);
  const first = pieces.next();
  const second = pieces.next();
  if (first.done === true || second.done === true) {
    const json = first.done === true ? Buffer.alloc(0) : first.value;
    writeHead(json.length);
    response.end(request.method === "HEAD" ? undefined : json);
    return;
  }
  let length = first.value.length + second.value.length;
  for (const piece of collecting(pieces)) {
    length += piece.length;
    await othersTurn();
    if (response.destroyed) return;
  }
  writeHead(length);
  if (request.method !== "HEAD") await writeLong(response, answer.body);
  response.end();
}

async function writeLong(response: ServerResponse, body: unknown): Promise<void> {
  for (const piece of collecting(bytesOf(body))) {
    if (response.write(piece)) await othersTurn();
    else await drained(response);
    if (response.destroyed) return;
  }
}

function* bytesOf(body: unknown): Generator<Buffer, undefined> {
  for (const piece of jsonPieces(body)) yield Buffer.from(jsonForScreen(piece), "utf8");
}

async function othersTurn(): Promise<void> {
  await new Promise(setImmediate);
}

/** Resolves when the client has read what was written, or has gone. */
export async function drained(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once("drain", resolve);
  response.once("close", resolve);
  await promise;
  response.off("close", resolve);
}

const PHRASES: Readonly<Record<RefusalStatus, readonly [phrase: string, detail: string]>> = {
  400: ["Bad Request", "this is not HTTP/1.1 as RFC 9112 defines it"],
  405: ["Method Not Allowed", "this is not a proxy"],
  408: ["Request Timeout", "the request did not come in time"],
  431: ["Request Header Fields Too Large", "the head of the request is too long"],
  503: ["Service Unavailable", "too many connections are open"],
};

/** The complete answer to bytes that are not a request. */
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
