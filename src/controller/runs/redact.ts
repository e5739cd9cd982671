/** Removes a caller's token from what is kept (T27): a script may print its context. */

import { changeError, type RunResult } from "../../core/run-result.ts";
import { base64Of, bytesOf } from "../../core/wire/base64.ts";
import type { LongText } from "../../core/wire/json-pieces.ts";

const MARK = "[token]";

/** Removes the token as it is, and as it is in JSON. */
export function withoutToken(text: string, token: string): string {
  return [...replaced([text], spellings(token))].join("");
}

function spellings(token: string): readonly string[] {
  const asJson = JSON.stringify(token).slice(1, -1);
  return token === "" ? [] : [...new Set([asJson, token])];
}

/** A result for the log and the record. Long outputs are redacted when they are written. */
export function resultWithoutToken(result: RunResult, token: string): RunResult {
  if (token === "") return result;
  const { stdout_b64, stderr_b64, ...rest } = result;
  const clean = {
    ...rest,
    stdout: outputWithoutToken(result.stdout, token),
    stderr: outputWithoutToken(result.stderr, token),
    ...(stdout_b64 === undefined ? {} : { stdout_b64: bytesWithoutToken(stdout_b64, token) }),
    ...(stderr_b64 === undefined ? {} : { stderr_b64: bytesWithoutToken(stderr_b64, token) }),
  };
  return changeError(clean, (error) => withoutToken(error, token));
}

function outputWithoutToken(text: string | LongText, token: string): string | LongText {
  if (typeof text === "string") return withoutToken(text, token);
  return { parts: (last) => replaced(text.parts(last), spellings(token)) };
}

/** Latin-1 maps every byte to one character, so that bytes can be searched as text. */
function bytesWithoutToken(base64: string | LongText, token: string): string | LongText {
  const wanted = spellings(Buffer.from(token, "utf8").toString("latin1"));
  const parts = (given: Iterable<string>) =>
    base64Of(latin1Bytes(replaced(latin1Text(bytesOf(given)), wanted)));
  if (typeof base64 === "string") return [...parts([base64])].join("");
  return { parts: (last) => parts(base64.parts(last)) };
}

function* latin1Text(chunks: Iterable<Buffer>): Generator<string> {
  for (const chunk of chunks) yield chunk.toString("latin1");
}

function* latin1Bytes(parts: Iterable<string>): Generator<Buffer> {
  for (const part of parts) yield Buffer.from(part, "latin1");
}

/** Replaces each wanted text by the mark, even if it is cut in two. */
function* replaced(parts: Iterable<string>, wanted: readonly string[]): Generator<string> {
  const overlap = Math.max(1, ...wanted.map((each) => each.length)) - 1;
  let held = "";
  for (const part of parts) {
    const text = held + part;
    let done = 0;
    let clean = "";
    for (
      let found = first(text, wanted, 0);
      found !== undefined;
      found = first(text, wanted, done)
    ) {
      clean += text.slice(done, found.at) + MARK;
      done = found.at + found.length;
    }
    // A possible beginning of one waits for the next part.
    const safe = Math.max(done, text.length - overlap);
    yield clean + text.slice(done, safe);
    held = text.slice(safe);
  }
  yield held;
}

interface Found {
  readonly at: number;
  readonly length: number;
}

function first(text: string, wanted: readonly string[], from: number): Found | undefined {
  let found: Found | undefined;
  for (const each of wanted) {
    const at = text.indexOf(each, from);
    if (at >= 0 && (found === undefined || at < found.at)) found = { at, length: each.length };
  }
  return found;
}
