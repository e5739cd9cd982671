/** What is known about a run, for `status` and `GET /status/{reqid}`. */
import type { RunReportSoFar } from "../../core/run-report.ts";
import type { Caller } from "../access/authorize.ts";
import { type Controller, openReplies } from "../control-host.ts";
import { authorizeRun, noSuchRun } from "./authorize-run.ts";

/**
 * @param needed settles when nobody needs the run any more; until then it counts against what is held
 * @throws CtrlExecError `denied`, `not-found`, `busy`, or `damaged` if the record cannot be read
 */
export async function showRun(
  controller: Controller,
  caller: Caller,
  reqid: string,
  needed?: Promise<unknown>,
): Promise<RunReportSoFar> {
  await authorizeRun(controller, caller, { action: "api", reqid });
  const account = openReplies(controller);
  void needed?.finally(() => account.close());
  const record = await controller.store.runs.read(reqid, account);
  if (record !== undefined) return record;
  throw noSuchRun(reqid);
}
