/** Answers as bytes. */
import { FRAMES_TYPE } from "../../core/wire/frames.ts";
import { isLongText, jsonPieces } from "../../core/wire/json-pieces.ts";
import { collecting } from "../../system/memory.ts";
import type { Connection } from "../../system/net/connection.ts";
import type { JsonReply } from "../endpoints/endpoint.ts";
import { IDLE_SECONDS } from "./connection-clock.ts";

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  411: "Length Required",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

export const GO_ON = "HTTP/1.1 100 Continue\r\n\r\n";

/**
 * Resolves when everything is sent, or the connection is closed.
 *
 * @param last the connection ends with this answer
 * @param date what this host's clock says: the control host compares it with its own (T68)
 * @param onLength called with the length of the body, before anything is written
 */
export async function sendReply(
  connection: Connection,
  { status, body }: JsonReply,
  last: boolean,
  date: Date,
  onLength: (bytes: number) => void = () => undefined,
): Promise<void> {
  if (!Object.values(body).some(isLongText)) {
    const json = JSON.stringify(body);
    const length = Buffer.byteLength(json);
    onLength(length);
    await connection.write(jsonHead(status, length, last, date) + json);
    return;
  }
  const length = jsonLength(body);
  onLength(length);
  await connection.write(jsonHead(status, length, last, date));
  for (const piece of collecting(jsonPieces(body), true)) {
    await connection.write(piece);
    if (connection.closed) return;
  }
}

function jsonHead(status: number, length: number, last: boolean, date: Date): string {
  const framing = ["Content-Type: application/json", `Content-Length: ${length}`];
  return head(status, framing, last, date);
}

/** For a stream of events. @param last, date as for sendReply() */
export function streamHead(last: boolean, date: Date): string {
  const framing = [`Content-Type: ${FRAMES_TYPE}`, "Transfer-Encoding: chunked"];
  return head(200, framing, last, date);
}

function head(status: number, framing: readonly string[], last: boolean, date: Date): string {
  return [
    `HTTP/1.1 ${status} ${REASONS[status] ?? ""}`,
    ...framing,
    `Date: ${date.toUTCString()}`,
    ...(last
      ? ["Connection: close"]
      : ["Connection: keep-alive", `Keep-Alive: timeout=${IDLE_SECONDS}`]),
    "",
    "",
  ].join("\r\n");
}

/** 0.8 does not know chunked bodies, so a first pass over the whole answer only counts its length. */
function jsonLength(body: JsonReply["body"]): number {
  let length = 0;
  for (const piece of collecting(jsonPieces(body))) length += Buffer.byteLength(piece);
  return length;
}
