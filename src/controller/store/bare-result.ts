/** A result without its outputs, for a record that has no room for them. */

import { OUTPUT_STREAMS } from "../../core/run-event.ts";
import { changeError, withoutResult } from "../../core/run-result.ts";
import { MAX_WORD } from "../../core/wire/limits.ts";
import { outputName } from "./output-file.ts";
import { emptied, type RecordedResult } from "./recorded-result.ts";

/** Characters of an error that are kept if the outputs are not. */
const MAX_ERROR = 200;

/** Without its outputs; it says how large they were. What is in files stays there. */
export function bareResult(result: RecordedResult): RecordedResult {
  const short = changeError(result, (error) => error.slice(0, MAX_ERROR)) as RecordedResult;
  return OUTPUT_STREAMS.reduce(emptied, short);
}

/** There are never more in one run (max_hosts). */
const MAX_HOSTS = 100_000;

/** The longest that a result without outputs can be. */
export function longestBareResult(
  run: { readonly script: string; readonly reqid: string },
  host: string,
): RecordedResult {
  return {
    ...withoutResult(run, host, "9999999ms", { state: "never-ran", error: "x".repeat(MAX_ERROR) }),
    exit: -2_147_483_648,
    signal: "SIGVTALRM",
    timed_out: true,
    cancelled: true,
    cancelled_by: "x".repeat(MAX_WORD),
    started: "2026-01-15T12:00:00.000000+00:00",
    ended: "2026-01-15T12:00:00.000000+00:00",
    stdout_dropped: 2 ** 52,
    stderr_dropped: 2 ** 52,
    stdout_unrecorded: 2 ** 52,
    stderr_unrecorded: 2 ** 52,
    stdout_file: outputName(run.reqid, MAX_HOSTS, "stdout"),
    stderr_file: outputName(run.reqid, MAX_HOSTS, "stderr"),
  };
}
