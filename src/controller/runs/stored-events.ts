/** Turns a recorded result into the events that make it up. */
import { dropUndefined } from "../../core/json.ts";
import { outputBytes, outputLength } from "../../core/output-bytes.ts";
import {
  isEndState,
  NO_OFFSETS,
  OUTPUT_STREAMS,
  type RunEnding,
  type RunEvent,
} from "../../core/run-event.ts";
import type { RunResult } from "../../core/run-result.ts";

/** Most bytes of one event. */
const PIECE = 65_536;

/**
 * All of stdout comes before stderr: records do not say which was printed first.
 *
 * @param from the offsets of the next bytes that are wanted
 */
export function* storedEvents(result: RunResult, from = NO_OFFSETS): Generator<RunEvent> {
  const { reqid, script, started = "" } = result;
  if (result.state !== "never-ran" && result.state !== "not-started")
    yield { kind: "begin", reqid, script, started };
  const written = { stdout: 0, stderr: 0 };
  for (const stream of OUTPUT_STREAMS) {
    const kept = outputLength(result, stream);
    let offset = Math.min(from[stream], kept);
    for (const bytes of outputBytes(result, stream, offset)) {
      for (let at = 0; at < bytes.length; at += PIECE) {
        const piece = bytes.subarray(at, at + PIECE);
        yield { kind: "output", stream, offset: offset + at, bytes: piece };
      }
      offset += bytes.length;
    }
    const dropped = result[`${stream}_dropped`] ?? 0;
    if (dropped > 0) yield { kind: "dropped", stream, offset: kept, bytes: dropped };
    written[stream] = kept + dropped;
  }
  const end = endingOf(result, written.stdout, written.stderr);
  if (end !== undefined) yield { kind: "end", end };
}

/** Undefined if the run's end on this host is not known. */
function endingOf(
  result: RunResult,
  stdoutBytes: number,
  stderrBytes: number,
): RunEnding | undefined {
  const { state, exit, error, signal, timed_out, cancelled, cancelled_by } = result;
  if (!isEndState(state)) return undefined;
  const { started = "", ended = "" } = result;
  return {
    state,
    exit,
    ...dropUndefined({ signal, timed_out, cancelled, cancelled_by, error }),
    started,
    ended,
    stdout_bytes: stdoutBytes,
    stderr_bytes: stderrBytes,
  };
}
