/** Keeps any further batch of a rollout from beginning, until somebody continues it. */
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { resuming } from "../../core/resuming.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { isoSeconds } from "../../core/time.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizeRun } from "../access/authorize-run.ts";
import type { RunReader } from "../control-host.ts";
import { recordedRun } from "./recorded-run.ts";

/**
 * What has begun goes on; the process that carries out the rollout notices before its next batch.
 *
 * @returns the rollout, of which it may be known that nobody carries it out now
 * @throws CtrlExecError `denied`, `not-found`, or `bad-request` if nobody carries it out, or no further batch comes
 */
export async function pauseRollout(
  controller: RunReader,
  caller: Caller,
  reqid: string,
): Promise<RunReportSoFar> {
  await authorizeRun(controller, caller, { action: "pause", reqid });
  const report = await mustGoOn(controller, reqid, "pause");
  const { begun = 0, batches = 0 } = report.rollout ?? {};
  if (begun >= batches) {
    const state = "its last batch has begun, and no other comes";
    throw cannot(controller, "pause", reqid, state);
  }
  const { log, now, store } = controller;
  const { username: user } = caller;
  const { pause } = await store.rollouts.wishes(reqid);
  // Whoever paused it first did it.
  if (pause !== undefined) return report;
  await store.rollouts.wish(reqid, "pause", { by: user, since: isoSeconds(now()) });
  log({ event: "rollout-pause", reqid, user });
  return report;
}

/** @throws CtrlExecError as pauseRollout(), and `bad-request` if it is not paused */
export async function continueRollout(
  controller: RunReader,
  caller: Caller,
  reqid: string,
): Promise<RunReportSoFar> {
  await authorizeRun(controller, caller, { action: "continue", reqid });
  const report = await mustGoOn(controller, reqid, "continue");
  const { log, now, store } = controller;
  const { username: user } = caller;
  if (!(await store.rollouts.endPause(reqid, { by: user, since: isoSeconds(now()) }))) {
    throw cannot(controller, "continue", reqid, "it is not paused");
  }
  log({ event: "rollout-continue", reqid, user });
  return report;
}

async function mustGoOn(
  controller: RunReader,
  reqid: string,
  verb: "pause" | "continue",
): Promise<RunReportSoFar> {
  const found = await recordedRun(controller, reqid);
  if (found.rollout === undefined) {
    throw cannot(controller, verb, reqid, "it is not a rollout");
  }
  const { report } = found;
  if (found.alive || found.detached) return report;
  const { results, complete, waits_for_token } = report;
  const ended = complete ? "it has ended" : "no process carries it out";
  const state = waits_for_token ? "it waits for its token, which is not kept" : ended;
  const isLeft = results.some((each) => each.state === "not-started");
  throw cannot(controller, verb, reqid, state, isLeft ? report : undefined);
}

/** @param left a rollout that can be resumed */
function cannot(
  { config }: RunReader,
  verb: string,
  reqid: string,
  state: string,
  left?: RunReportSoFar,
): CtrlExecError {
  const hints =
    left === undefined
      ? {
          hint: `See: ctrl-exec status ${reqid}${configArgument(config.file)}`,
          remoteHint: `See GET /runs/${reqid}.`,
        }
      : {
          hint: `To go on: ${resuming(left, config)}`,
          remoteHint: `POST /runs/${reqid}/resume goes on.`,
        };
  return new CtrlExecError("bad-request", `Cannot ${verb} run ${reqid}: ${state}`, hints);
}
