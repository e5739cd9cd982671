/** Answers as bytes. */
import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { isLongText, jsonPieces } from "../../core/json-pieces.ts";
import { collecting } from "../../system/collect.ts";
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

/**
 * @param last the connection ends with this answer
 * @returns bytes of the body
 */
export function sendReply(response: ServerResponse, reply: AgentReply, last: boolean): number {
  const inPieces = Object.values(reply.body).some(isLongText);
  const json = inPieces ? "" : JSON.stringify(reply.body);
  const length = inPieces ? jsonLength(reply.body) : Buffer.byteLength(json);
  response.writeHead(reply.status, {
    "Content-Type": "application/json",
    "Content-Length": length,
    ...(last ? { Connection: "close" } : {}),
  });
  if (inPieces) {
    // A peer that goes away, and whatever else fails on the way, ends this connection and no more.
    pipeline(collecting(jsonPieces(reply.body), true), response, () => undefined);
  } else response.end(json);
  return length;
}

/** 0.8 knows no chunked bodies: the length is found by writing the whole answer to nowhere first. */
function jsonLength(body: AgentReply["body"]): number {
  let length = 0;
  for (const piece of collecting(jsonPieces(body, false))) length += Buffer.byteLength(piece);
  return length;
}
