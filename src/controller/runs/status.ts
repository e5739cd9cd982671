/** What is known about a run, for `status`, `GET /runs/{reqid}` and `GET /status/{reqid}`. */
import { CtrlExecError } from "../../core/errors.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizeRun, noSuchRun } from "../access/authorize-run.ts";
import { type Controller, openReplies } from "../control-host.ts";
import { askAgain } from "./ask-again.ts";
import { isUnattended } from "./recorded-run.ts";

export interface RunToShow {
  readonly reqid: string;
  readonly live: boolean;
  /** The action with which the hook is asked; `api`, as in 0.8, if it is left out. */
  readonly action?: "read" | "api";
}

/**
 * The record, and for hosts whose end is not recorded what their agents say; for a run that is under way only if
 * `live`.
 *
 * @param needed settles when nobody needs the run any more; until then it counts against what is held
 * @throws CtrlExecError `denied`, `not-found`, `busy`, or `damaged` if the record cannot be read
 */
export async function showRun(
  controller: Controller,
  caller: Caller,
  { reqid, live, action = "api" }: RunToShow,
  needed?: Promise<unknown>,
): Promise<RunReportSoFar> {
  await authorizeRun(controller, caller, { action, reqid });
  const account = openReplies(controller);
  void needed?.finally(() => account.close());
  const found = await controller.store.runs.readOpen(reqid, account);
  if (found === undefined) throw noSuchRun(reqid);
  if (!isUnattended(found) && !live) return found.report;
  try {
    return (await askAgain(controller, found, account)).report;
  } catch (thrown) {
    // Without a credential of this host, the record is all that can be shown.
    if (thrown instanceof CtrlExecError && thrown.code === "config") return found.report;
    throw thrown;
  }
}
