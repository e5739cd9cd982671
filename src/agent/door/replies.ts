/** Answers as bytes. */
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { inPieces } from "../../core/text.ts";
import type { AgentReply } from "../endpoint.ts";

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  431: "Request Header Fields Too Large",
};

/** A whole response, for connections that never reach the HTTP server; the connection ends with it. */
export function rawResponse({ status, body }: AgentReply): string {
  const json = JSON.stringify(body);
  return [
    `HTTP/1.1 ${status} ${REASONS[status] ?? ""}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(json)}`,
    "Connection: close",
    "",
    json,
  ].join("\r\n");
}

/** Bytes of an answer from which on it is sent in pieces, and what it was made of is collected first. */
const LARGE = 8 * 2 ** 20;

/**
 * @param last the connection ends with this answer
 * @returns bytes of the body
 */
export function sendReply(response: ServerResponse, reply: AgentReply, last: boolean): number {
  const json = JSON.stringify(reply.body);
  const length = Buffer.byteLength(json);
  response.writeHead(reply.status, {
    "Content-Type": "application/json",
    "Content-Length": length,
    ...(last ? { Connection: "close" } : {}),
  });
  if (length < LARGE) {
    response.end(json);
    return length;
  }
  // The collector does not know what buffers hold: an agent grew by 150 MB with each large answer.
  Bun.gc(true);
  Readable.from(inPieces(json)).pipe(response);
  return length;
}
