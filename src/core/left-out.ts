/** A host of a rollout on which somebody has cancelled it before the host's batch began: it is never asked. */
import { type RunResult, withoutResult } from "./run-result.ts";

/** @param by empty if that is not known */
export function leftOutResult(
  run: { readonly script: string; readonly reqid: string },
  host: string,
  by: string,
): RunResult {
  const result = withoutResult(run, host, "", { state: "never-ran", error: leftOutError(by) });
  return by === "" ? result : { ...result, cancelled_by: by };
}

export function leftOutError(by: string): string {
  return `it was cancelled${by === "" ? "" : ` by ${by}`} before its batch began`;
}
