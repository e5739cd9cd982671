/** A run as it is recorded, for callers that no longer need its long outputs once they have read it. */

import { noSuchRun } from "../access/authorize-run.ts";
import { openReplies, type RunReader } from "../control-host.ts";
import type { RecordedRun } from "../store/ports/runs.ts";

/** Nobody waits for its hosts now, so whoever wants to know of them asks their agents. */
export function isUnattended({ alive, report }: RecordedRun): boolean {
  return !alive || report.waits_for_api === true;
}

/** Undefined if there is no such run. @throws CtrlExecError `busy`, `storage`, or `damaged` */
export async function findRun(
  controller: RunReader,
  reqid: string,
): Promise<RecordedRun | undefined> {
  using account = openReplies(controller);
  return await controller.store.runs.readOpen(reqid, account);
}

/** @throws CtrlExecError as findRun(), and `not-found` */
export async function recordedRun(controller: RunReader, reqid: string): Promise<RecordedRun> {
  const found = await findRun(controller, reqid);
  if (found === undefined) throw noSuchRun(reqid);
  return found;
}
