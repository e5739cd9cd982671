/** Answers as bytes. */
import type { ServerResponse } from "node:http";
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
  const json = Buffer.from(JSON.stringify(reply.body), "utf8");
  response.writeHead(reply.status, {
    "Content-Type": "application/json",
    "Content-Length": json.length,
    ...(last ? { Connection: "close" } : {}),
  });
  response.end(json);
  return json.length;
}
