/** What is left of a rollout that has stopped, for callers whom the auth hook allows: its hosts, in new batches. */
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { ReplyAccount } from "../../core/reply-budget.ts";
import type { RolloutSetting } from "../../core/rollout.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizeRun, noSuchRun } from "../access/authorize-run.ts";
import { hostsOfRun } from "../access/authorized-targets.ts";
import type { RunReader } from "../control-host.ts";
import { authorizeBatch, planRollout } from "./plan-rollout.ts";
import { noLongerRegistered } from "./registered-hosts.ts";
import { runBody } from "./run-body.ts";
import type { RunOrder } from "./start-run.ts";

export interface RestOrder extends Pick<RunOrder, "script" | "args" | "timeout"> {
  /** Settings that are left out stay as they were. */
  readonly rollout: Partial<RolloutSetting>;
}

/**
 * Changes nothing.
 *
 * @param account in which its record counts
 * @throws CtrlExecError `denied`, `not-found`, and `bad-request` for a rollout that cannot be resumed
 */
export async function restOfRollout(
  controller: RunReader,
  caller: Caller,
  order: RestOrder,
  reqid: string,
  account: ReplyAccount,
) {
  const { script, args } = order;
  await authorizeRun(controller, caller, { action: "read", reqid });
  const found = await controller.store.runs.readOpen(reqid, account);
  if (found === undefined) throw noSuchRun(reqid);
  const { report, rollout: before, asked } = found;
  // Hosts of a detached rollout that nobody carries out now are queued.
  const left = report.results.filter(
    ({ state }) => state === "not-started" || (state === "queued" && found.detached),
  );
  const isLeft = new Set(left.map(({ host }) => host));
  const isUnderWay = found.alive && !found.detached;
  if (before === undefined || isUnderWay || isLeft.size === 0) {
    throw nothingLeft(controller, reqid, isUnderWay);
  }
  if (report.script !== script) {
    throw new CtrlExecError(
      "bad-request",
      `Cannot go on with run ${reqid}: it runs ${report.script}, not ${script}`,
      { hint: "Give the same script and arguments as before." },
    );
  }
  const body = runBody(controller, caller, order, reqid);
  const setting = { ...before, ...order.rollout };
  const targets = await hostsOfRun(
    controller,
    asked.filter(({ host }) => isLeft.has(host)),
  );
  await authorizeBatch(controller, caller, { action: "run", script, args }, targets);
  const unregistered = new Set(before.unregistered?.map((place) => report.hosts[place]));
  // A name that is no longer registered would be called as any other host, whoever has it now (T76).
  const gone = targets.filter(
    ({ record, problem, label }) =>
      record === undefined && problem === undefined && !unregistered.has(label),
  );
  if (gone.length > 0) {
    throw new CtrlExecError(
      "bad-request",
      `Cannot go on with run ${reqid}: ${noLongerRegistered(gone)}`,
      { hint: "Pair it again, or run the script on the other hosts in a new run." },
    );
  }
  const total = asked.length;
  const plan = await planRollout(controller, caller, setting, targets, total);
  return { found, before, body, setting, targets, total, ...plan };
}

export function nothingLeft({ config }: RunReader, reqid: string, alive: boolean): CtrlExecError {
  const state = alive ? "it is under way" : "none of its hosts is not-started";
  return new CtrlExecError("bad-request", `Cannot go on with run ${reqid}: ${state}`, {
    hint: `See: ctrl-exec status ${reqid}${configArgument(config.file)}`,
    remoteHint: `See GET /runs/${reqid}.`,
  });
}
