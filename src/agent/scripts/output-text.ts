/** A script's output as the answer to a run has it, read from the chunks in which it arrived. */

import { decodeText } from "../../core/text.ts";
import { base64Of } from "../../core/wire/base64.ts";
import type { LongText } from "../../core/wire/json-pieces.ts";
import { collecting } from "../../system/memory.ts";

/** An output of at least this many bytes is decoded while the answer is written. */
const LONG_BYTES = 65_536;

export interface OutputText {
  readonly text: string | LongText;
  /** Base64 of the exact bytes; undefined if they are UTF-8, so that `text` has lost none. */
  readonly base64: string | LongText | undefined;
}

/** What is kept of an output. */
export interface OutputSource {
  readonly bytes: number;
  /** From the beginning, each time. */
  chunks(): Iterable<Uint8Array>;
}

export function inMemory(chunks: readonly Uint8Array[]): OutputSource {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { bytes, chunks: () => chunks };
}

export function outputText(source: OutputSource): OutputText {
  if (source.bytes < LONG_BYTES) {
    const bytes = Buffer.concat([...source.chunks()]);
    const { text, exact } = decodeText(bytes);
    return { text, base64: exact ? undefined : bytes.toString("base64") };
  }
  if (isUtf8(source.chunks())) {
    return { text: { parts: () => textOf(source.chunks()) }, base64: undefined };
  }
  return {
    text: { parts: () => textOf(source.chunks()) },
    base64: { parts: () => base64Of(source.chunks()) },
  };
}

function isUtf8(chunks: Iterable<Uint8Array>): boolean {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    for (const chunk of collecting(chunks)) strict.decode(chunk, { stream: true });
    strict.decode();
    return true;
  } catch {
    return false;
  }
}

function* textOf(chunks: Iterable<Uint8Array>): Generator<string> {
  const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
  for (const chunk of chunks) yield lossy.decode(chunk, { stream: true });
  yield lossy.decode();
}
