/** A run's messages (run-messages.ts) as the JSON that programs read. */
import { jsonForScreen } from "../text.ts";
import { jsonBase64, jsonText } from "./json-bytes.ts";
import type { RunMessage } from "./run-messages.ts";

/**
 * The message as JSON between two other texts, in one buffer. The JSON is safe on a terminal (T74).
 *
 * @param message may name its run even if such a message does not otherwise
 */
export function messageBytes(
  message: RunMessage & { readonly reqid?: string },
  before = "",
  behind = "\n",
): Buffer {
  if (!("bytes" in message)) return Buffer.from(`${before}${json(message)}${behind}`);
  const { bytes, isText, reqid, ...head } = message;
  const name = isText ? "data" : "data_b64";
  const start = `${before}${json(head).slice(0, -1)},"${name}":`;
  const end = `${reqid === undefined ? "" : `,"reqid":${json(reqid)}`}}${behind}`;
  return isText ? jsonText(start, bytes, end) : jsonBase64(start, bytes, end);
}

function json(value: unknown): string {
  return jsonForScreen(JSON.stringify(value));
}
