/** The file of a run's record. */
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
