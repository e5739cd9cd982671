/** A result without its long outputs, for a record that has no room for all of it. */
import { dropUndefined } from "../../core/json.ts";
import { changeError, type RunResult, withoutResult } from "../../core/run-result.ts";
import type { LongText } from "../../core/wire/json-pieces.ts";

/** Characters of an error that are kept if the outputs are not. */
const MAX_ERROR = 200;

/** Characters of a name on the wire (core/wire/messages/texts.ts). */
const MAX_NAME = 255;

/**
 * @param longest most bytes of an output that is kept; for a longer one, the result says how much was dropped
 */
export function cutResult(result: RunResult, longest: number): RunResult {
  if (longest === Number.POSITIVE_INFINITY) return result;
  const short = longest === 0 ? changeError(result, (error) => error.slice(0, MAX_ERROR)) : result;
  const { stdout, stderr, stdout_b64, stderr_b64, stdout_dropped, stderr_dropped, ...rest } = short;
  const out = cutStream({ text: stdout, base64: stdout_b64, dropped: stdout_dropped }, longest);
  const err = cutStream({ text: stderr, base64: stderr_b64, dropped: stderr_dropped }, longest);
  return dropUndefined({
    ...rest,
    stdout: out.text,
    stderr: err.text,
    stdout_b64: out.base64,
    stderr_b64: err.base64,
    stdout_dropped: out.dropped,
    stderr_dropped: err.dropped,
  });
}

interface Stream {
  readonly text: string | LongText;
  readonly base64: string | LongText | undefined;
  readonly dropped: number | undefined;
}

function cutStream(stream: Stream, longest: number): Stream {
  const { text, base64, dropped = 0 } = stream;
  const bytes = base64 === undefined ? lengthOf(text) : Math.ceil(lengthOf(base64) / 4) * 3;
  return bytes <= longest ? stream : { text: "", base64: undefined, dropped: dropped + bytes };
}

/** Bytes as UTF-8. */
function lengthOf(text: string | LongText): number {
  return typeof text === "string" ? Buffer.byteLength(text) : (text.bytes ?? 0);
}

/** The longest that a result without outputs can be. */
export function longestBareResult(
  run: { readonly script: string; readonly reqid: string },
  host: string,
): RunResult {
  return {
    ...withoutResult(run, host, "9999999ms", { state: "never-ran", error: "x".repeat(MAX_ERROR) }),
    exit: -2_147_483_648,
    signal: "SIGVTALRM",
    timed_out: true,
    cancelled: true,
    cancelled_by: "x".repeat(MAX_NAME),
    started: "2026-01-15T12:00:00.000000+00:00",
    ended: "2026-01-15T12:00:00.000000+00:00",
    stdout_dropped: 2 ** 52,
    stderr_dropped: 2 ** 52,
  };
}
