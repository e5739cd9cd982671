/** Ends what a run has started on its hosts. */
import type { Caller } from "../access/authorize.ts";
import { type Controller, openReplies } from "../control-host.ts";
import { authorizeRun, noSuchRun } from "./authorize-run.ts";

export interface CancelOrder {
  readonly reqid: string;
  /** As in the run's results; undefined means all of them. */
  readonly hosts?: readonly string[] | undefined;
  /** Seconds between TERM and KILL. */
  readonly grace: number;
}

/** What became of it on one host. */
export interface CancelResult {
  readonly host: string;
  /** `ended`: what ran there was ended. `not-running`: nothing of it ran there. `failed`: see the error. */
  readonly status: "ended" | "not-running" | "failed";
  /** How many processes could not be ended; 0 if the agent was not asked. */
  readonly left: number;
  /** There if `failed`: no answer, or an agent that cannot cancel. */
  readonly error?: string;
}

/**
 * @param onResult called once per host, as they answer
 * @throws CtrlExecError `denied`, `not-found` (the run, or a host that is not in it)
 */
export async function cancelRun(
  controller: Controller,
  caller: Caller,
  { reqid, hosts }: CancelOrder,
  onResult: (result: CancelResult) => void,
): Promise<readonly CancelResult[]> {
  const account = openReplies(controller);
  try {
    await authorizeRun(controller, caller, { action: "cancel", reqid }, account);
    const run = await controller.store.runs.read(reqid, account);
    if (run === undefined) throw noSuchRun(reqid);
    const results = (hosts ?? run.hosts).map(
      (host): CancelResult => ({
        host,
        status: "failed",
        left: 0,
        error: "its agent is older than 1.1 and cannot cancel",
      }),
    );
    for (const result of results) onResult(result);
    return results;
  } finally {
    account.close();
  }
}
