/** What is known of a run: for `status` and `GET /status/{reqid}`. */
import { CtrlExecError } from "../core/errors.ts";
import { isRequestId } from "../core/request-id.ts";
import type { RunReportSoFar } from "../core/results.ts";
import { authorize, type Caller } from "./authorize.ts";
import type { Controller } from "./controller.ts";
import { readRunRecord } from "./run-records.ts";

/**
 * The hook is asked whether or not there is such a run, so that its refusals tell nothing (T25).
 *
 * @throws CtrlExecError `denied`, `not-found`, or `damaged` when the record cannot be read
 */
export async function showRun(
  controller: Controller,
  caller: Caller,
  reqid: string,
): Promise<RunReportSoFar> {
  const known = isRequestId(reqid);
  const record = known ? await readRunRecord(controller, reqid).catch(asError) : undefined;
  await authorize(controller, caller, {
    action: "api",
    script: "",
    hosts: [],
    args: [],
    ...(known ? { reqid } : {}),
    submitter: record instanceof CtrlExecError ? "" : (record?.submitter ?? ""),
  });
  if (record instanceof CtrlExecError) throw record;
  if (record !== undefined) return record;
  throw new CtrlExecError(
    "not-found",
    known
      ? `Cannot find run ${reqid}: no such run, or its record is no longer kept`
      : `Cannot find run "${reqid.slice(0, 64)}": a run's id is 16 hex digits`,
  );
}

function asError(thrown: unknown): CtrlExecError {
  if (thrown instanceof CtrlExecError) return thrown;
  throw thrown;
}
