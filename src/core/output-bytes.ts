/** What a script has printed on one host, as bytes again: a result has it as text, and as base64 if it is not UTF-8. */
import type { OutputStream } from "./run-event.ts";
import type { RunResult } from "./run-result.ts";
import { bytesOf } from "./wire/base64.ts";
import { isLongText, type LongText, textParts } from "./wire/json-pieces.ts";

export type Outputs = Pick<RunResult, "stdout" | "stderr" | "stdout_b64" | "stderr_b64">;

/**
 * The bytes as far as they are kept, in order; none of the pieces is empty.
 *
 * @param from how many of the first are left out
 */
export function* outputBytes(result: Outputs, stream: OutputStream, from = 0): Generator<Buffer> {
  const text = result[stream];
  if (isLongText(text) && text.bytesFrom !== undefined) {
    yield* text.bytesFrom(from);
    return;
  }
  const base64 = result[`${stream}_b64`];
  let left = from;
  for (const piece of base64 === undefined ? utf8(text) : bytesOf(textParts(base64))) {
    if (piece.length > left) yield piece.subarray(left);
    left = Math.max(0, left - piece.length);
  }
}

/** How many bytes that are. */
export function outputLength(result: Outputs, stream: OutputStream): number {
  const text = result[stream];
  if (isLongText(text) && text.bytesFrom !== undefined && text.bytes !== undefined) {
    return text.bytes;
  }
  let length = 0;
  for (const piece of outputBytes(result, stream)) length += piece.length;
  return length;
}

function* utf8(text: string | LongText): Generator<Buffer> {
  for (const part of textParts(text)) yield Buffer.from(part, "utf8");
}
