/** What is known of a run: for `status` and `GET /status/{reqid}`. */
import { CtrlExecError } from "../core/errors.ts";
import { isRequestId } from "../core/request-id.ts";
import type { RunReportSoFar } from "../core/results.ts";
import { authorize, type Caller } from "./authorize.ts";
import type { Controller } from "./controller.ts";
import type { ReplyAccount } from "./reply-budget.ts";
import { readRunRecord, submitterOf } from "./stored-runs.ts";

/**
 * The hook is asked whether or not there is such a run, so that its refusals tell nothing (T25), and
 * before more of the record is read than who submitted it (T67).
 *
 * @param account where the record counts among what is held, until it is closed
 * @throws CtrlExecError `denied`, `not-found`, `busy`, or `damaged` when the record cannot be read
 */
export async function showRun(
  controller: Controller,
  caller: Caller,
  reqid: string,
  account: ReplyAccount,
): Promise<RunReportSoFar> {
  const known = isRequestId(reqid);
  const submitter = known ? await whoSubmitted(controller, reqid, account) : "";
  await authorize(controller, caller, {
    action: "api",
    script: "",
    hosts: [],
    args: [],
    ...(known ? { reqid } : {}),
    submitter,
  });
  const record = known ? await readRunRecord(controller, reqid, account) : undefined;
  if (record !== undefined) return record;
  throw new CtrlExecError(
    "not-found",
    known
      ? `Cannot find run ${reqid}: no such run, or its record is no longer kept`
      : `Cannot find run "${reqid.slice(0, 64)}": a run's id is 16 hex digits`,
  );
}

/** Empty when the record does not say, or cannot be read: whom the hook lets see the run is told of that. */
async function whoSubmitted(
  controller: Controller,
  reqid: string,
  account: ReplyAccount,
): Promise<string> {
  try {
    const submitter = await submitterOf(controller, reqid);
    // Records of 1.0 have it at their end.
    return submitter ?? (await readRunRecord(controller, reqid, account))?.submitter ?? "";
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) return "";
    throw thrown;
  }
}
