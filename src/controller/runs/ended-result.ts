/** How a run ended on a host that was followed, as a result without outputs. */
import { dropUndefined } from "../../core/json.ts";
import { NO_OFFSETS, type RunEnding, type StreamOffsets } from "../../core/run-event.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { readRunEnd } from "../../core/run-state.ts";
import { spanOf } from "../../core/time.ts";

interface Run {
  readonly script: string;
  readonly reqid: string;
}

/**
 * @param dropped how many bytes of each stream were dropped
 * @param unrecorded how many of them came, and are not recorded
 */
export function endedResult(
  run: Run,
  host: string,
  end: RunEnding,
  dropped: StreamOffsets,
  unrecorded = NO_OFFSETS,
): RunResult {
  const { exit, signal, timed_out, cancelled, cancelled_by, started, ended } = end;
  // The time of an answer was not measured.
  const rtt = spanOf(started, ended);
  return {
    ...withoutResult(run, host, rtt, readRunEnd(end, "never-ran")),
    exit,
    ...dropUndefined({
      signal,
      timed_out,
      stdout_dropped: dropped.stdout || undefined,
      stderr_dropped: dropped.stderr || undefined,
      stdout_unrecorded: unrecorded.stdout || undefined,
      stderr_unrecorded: unrecorded.stderr || undefined,
      cancelled,
      cancelled_by,
      started: started || undefined,
      ended: ended || undefined,
    }),
  };
}
