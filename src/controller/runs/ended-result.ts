/** How a run ended on a host that was followed, as a result without outputs. */
import { dropUndefined } from "../../core/json.ts";
import type { RunEnding, StreamOffsets } from "../../core/run-event.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { readRunEnd } from "../../core/run-state.ts";
import { spanOf } from "../../core/time.ts";

interface Run {
  readonly script: string;
  readonly reqid: string;
}

/** @param dropped how many bytes of each stream were dropped */
export function endedResult(
  run: Run,
  host: string,
  end: RunEnding,
  dropped: StreamOffsets,
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
      cancelled,
      cancelled_by,
      started: started || undefined,
      ended: ended || undefined,
    }),
  };
}
