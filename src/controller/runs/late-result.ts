/** The result of a run that has printed much and is asked about later: its output comes as a stream, into the record. */
import type { RunReportSoFar } from "../../core/run-report.ts";
import type { RunResult } from "../../core/run-result.ts";
import type { FleetDialler } from "../fleet/fan-out.ts";
import { followOn } from "../fleet/follow-run.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { HostOutput } from "../store/ports/runs.ts";
import { endedResult } from "./ended-result.ts";

export interface LateResult {
  /** Its outputs are valid until those of the record are closed, unless it is recorded before then. */
  readonly result: RunResult;
  /** The same without outputs. */
  readonly bare: RunResult;
}

/** @returns undefined if its end has not arrived */
export async function lateResult(
  dialler: FleetDialler,
  target: ResolvedTarget,
  run: RunReportSoFar,
  host: string,
  output: HostOutput,
): Promise<LateResult | undefined> {
  const followed = await followOn(dialler, target, {
    reqid: run.reqid,
    onEvent: (event) => {
      if (event.kind === "output") return output.take(event.stream, event.bytes);
    },
  });
  const { bytes, lost, error: _, ...kept } = await output.end();
  if (followed.kind !== "ended") return undefined;
  const { end } = followed;
  const { stdout_bytes: stdout, stderr_bytes: stderr } = end;
  const dropped = { stdout: stdout - bytes.stdout, stderr: stderr - bytes.stderr };
  const came = { stdout: bytes.stdout + lost.stdout, stderr: bytes.stderr + lost.stderr };
  return {
    result: { ...endedResult(run, host, end, dropped, lost), ...kept },
    bare: endedResult(run, host, end, { stdout, stderr }, came),
  };
}
