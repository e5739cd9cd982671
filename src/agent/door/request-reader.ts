/** A request's head and body, within their bounds. */
import type { IncomingMessage } from "node:http";
import { MAX_HEADERS, MAX_REQUEST_BYTES } from "../../core/messages.ts";
import { decodeText } from "../../core/text.ts";
import { type AgentReply, refusal } from "../endpoint.ts";

export type RequestRead =
  | { readonly kind: "whole"; readonly body: string }
  | { readonly kind: "refused"; readonly reply: AgentReply }
  /** The peer has gone; there is nobody to answer. */
  | { readonly kind: "gone" };

export async function readRequest(request: IncomingMessage): Promise<RequestRead> {
  const reply = refuseHead(request);
  if (reply !== undefined) return await refuseUnread(request, reply);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > MAX_REQUEST_BYTES) return await refuseUnread(request, TOO_LARGE);
      chunks.push(bytes);
    }
  } catch {
    return { kind: "gone" };
  }
  const { text, exact } = decodeText(Buffer.concat(chunks, length));
  // What is not UTF-8 is no JSON (RFC 8259 section 8.1); taken all the same, it would arrive changed (T11).
  return exact ? { kind: "whole", body: text } : { kind: "refused", reply: NOT_TEXT };
}

/** How much of a refused body is read, and for how long, before the answer goes out. */
const DRAINED_BYTES = 16 * MAX_REQUEST_BYTES;
const DRAIN_MS = 1_000;

/**
 * Reads on, and drops what it reads: an answer to a peer that is still sending is lost when the
 * connection closes with bytes unread.
 */
async function refuseUnread(request: IncomingMessage, reply: AgentReply): Promise<RequestRead> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, DRAIN_MS);
  let left = DRAINED_BYTES;
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) resolve();
  });
  request.once("end", resolve);
  request.once("close", resolve);
  request.resume();
  await promise;
  clearTimeout(timer);
  return { kind: "refused", reply };
}

const NOT_TEXT = refusal(400, "the body is not UTF-8");

const TOO_LARGE = refusal(413, "request too large");

function refuseHead({ httpVersion, rawHeaders, headers }: IncomingMessage): AgentReply | undefined {
  // The parser also takes HTTP/0.9, which has no headers and no status.
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return refusal(400, "bad request");
  if (rawHeaders.length / 2 > MAX_HEADERS) return refusal(431, "too many headers");
  if (Number(headers["content-length"] ?? 0) > MAX_REQUEST_BYTES) return TOO_LARGE;
  return undefined;
}
