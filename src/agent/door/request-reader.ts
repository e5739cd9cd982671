/** A request's head and body, within their bounds. */
import type { IncomingMessage } from "node:http";
import { MAX_HEADERS, MAX_REQUEST_BYTES } from "../../core/messages.ts";
import { type AgentReply, refusal } from "../endpoint.ts";

export type RequestRead =
  | { readonly kind: "whole"; readonly body: string }
  | { readonly kind: "refused"; readonly reply: AgentReply }
  /** The peer has gone; there is nobody to answer. */
  | { readonly kind: "gone" };

export async function readRequest(request: IncomingMessage): Promise<RequestRead> {
  const reply = refuseHead(request);
  if (reply !== undefined) return { kind: "refused", reply };
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > MAX_REQUEST_BYTES) return { kind: "refused", reply: TOO_LARGE };
      chunks.push(bytes);
    }
  } catch {
    return { kind: "gone" };
  }
  return { kind: "whole", body: Buffer.concat(chunks, length).toString("utf8") };
}

const TOO_LARGE = refusal(413, "request too large");

function refuseHead({ httpVersion, rawHeaders, headers }: IncomingMessage): AgentReply | undefined {
  // The parser also takes HTTP/0.9, which has no headers and no status.
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return refusal(400, "bad request");
  if (rawHeaders.length / 2 > MAX_HEADERS) return refusal(431, "too many headers");
  if (Number(headers["content-length"] ?? 0) > MAX_REQUEST_BYTES) return TOO_LARGE;
  return undefined;
}
