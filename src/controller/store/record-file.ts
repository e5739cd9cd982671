/** The file of a run's record: where it is, who may read it, how long it may be. */
import { join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { isRequestId } from "../../core/request-id.ts";
import { paths } from "./paths.ts";

/** A request id is checked before it is part of a path (T17). */
export function recordFile(config: ControllerConfig, reqid: string): string {
  if (!isRequestId(reqid)) {
    throw new CtrlExecError("bad-request", `Cannot use "${reqid}": not a request id`);
  }
  return join(paths(config).runs, `${reqid}.json`);
}

/** Belongs to a run record, and to the outputs beside it. */
export const RECORD_MODE = 0o640;

/**
 * The most that one run may take up, with its record and its outputs; the old and the new version of a record exist
 * side by side for a while.
 */
export function longestRecord({ run_records_max }: ControllerConfig): number {
  return Math.floor(run_records_max / 2);
}
