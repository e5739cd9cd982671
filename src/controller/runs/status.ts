/** What is known about a run, for `status` and `GET /status/{reqid}`. */
import { CtrlExecError, DeniedError } from "../../core/errors.ts";
import { isRequestId } from "../../core/request-id.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { authorize, type Caller } from "../access/authorize.ts";
import { type Controller, openReplies } from "../control-host.ts";
import type { ReplyAccount } from "../fleet/reply-budget.ts";
import type { HostContext } from "../store/host.ts";

/**
 * The hook is asked whether or not there is such a run, so that its refusals reveal nothing (T25), and before
 * more of the record is read than who submitted it (T67). A run that it hides only from this caller is answered
 * like one that does not exist.
 *
 * @param needed settles when nobody needs the run any more; until then it counts against what is held
 * @throws CtrlExecError `denied`, `not-found`, `busy`, or `damaged` if the record cannot be read
 */
export async function showRun(
  controller: Controller,
  caller: Caller,
  reqid: string,
  needed?: Promise<unknown>,
): Promise<RunReportSoFar> {
  const account = openReplies(controller);
  void needed?.finally(() => account.close());
  const known = isRequestId(reqid);
  const submitter = known ? await whoSubmitted(controller, reqid, account) : "";
  const question = { action: "api", script: "", hosts: [], args: [] } as const;
  const ask = (whose: string) =>
    authorize(controller, caller, {
      ...question,
      ...(known ? { reqid } : {}),
      submitter: whose,
    });
  try {
    await ask(submitter);
  } catch (refused) {
    if (submitter === "" || !(refused instanceof DeniedError)) throw refused;
    // If this is refused too, the caller may see no runs; otherwise this run is another's.
    await ask("");
    throw notFound(reqid, known);
  }
  const record = known ? await controller.store.runs.read(reqid, account) : undefined;
  if (record !== undefined) return record;
  throw notFound(reqid, known);
}

function notFound(reqid: string, known: boolean): CtrlExecError {
  const problem = known
    ? `${reqid}: no such run, or its record is no longer kept`
    : `"${reqid.slice(0, 64)}": a run's id is 16 hex digits`;
  return new CtrlExecError("not-found", `Cannot find run ${problem}`);
}

/** Empty if the record does not say, or cannot be read: a caller whom the hook lets see the run is told so. */
async function whoSubmitted(
  { store }: HostContext,
  reqid: string,
  account: ReplyAccount,
): Promise<string> {
  try {
    const submitter = await store.runs.submitterOf(reqid);
    // Records of 1.0 have it at the end.
    return submitter ?? (await store.runs.read(reqid, account))?.submitter ?? "";
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) return "";
    throw thrown;
  }
}
