/** Goes on with a detached rollout where another process, which has ended, left off. */
import { CtrlExecError } from "../../core/errors.ts";
import type { ReplyAccount } from "../../core/reply-budget.ts";
import { parseIso } from "../../core/time.ts";
import type { Caller } from "../access/authorize.ts";
import { hostsOfRun } from "../access/authorized-targets.ts";
import { type Controller, openDialler } from "../control-host.ts";
import type { OwnedRollout, RolloutOrder } from "../store/ports/rollouts.ts";
import type { RecordedRun } from "../store/ports/runs.ts";
import type { AcceptedRollout } from "./accept-rollout.ts";
import { recordedFacts, runBody } from "./run-body.ts";

export interface TakenUp {
  readonly caller: Caller;
  readonly accepted: AcceptedRollout;
}

/** It goes on here, another process has it, or nobody can go on with it now. */
export type TakeUp = TakenUp | "somebody-has-it" | "nothing-to-do";

/**
 * @param token undefined if nobody has given it: a rollout that needs one waits until it is given again
 * @param account what is read counts there until it is closed
 * @throws CtrlExecError if what was left of it cannot be used, or needs its token, and `unrecorded` on a full disk:
 * then it waits as before
 */
export async function takeUp(
  controller: Controller,
  reqid: string,
  token: string | undefined,
  account: ReplyAccount,
): Promise<TakeUp> {
  const { runs, rollouts } = controller.store;
  const owned = await rollouts.own(reqid);
  if (owned === undefined) return "somebody-has-it";
  try {
    const order = await owned.order();
    const found = order && (await runs.readOpen(reqid, account));
    if (order === undefined || found === undefined || isOver(found)) {
      await owned.end();
      return "nothing-to-do";
    }
    if (order.hasToken && token === undefined) {
      throw new CtrlExecError(
        "bad-request",
        "Cannot go on with it: it was begun with a token, which is not kept",
        { hint: "It waits for run --resume with the token" },
      );
    }
    const taken = await goOn(controller, { owned, order, found, token: token ?? "", account });
    if (taken === undefined) {
      const error = "Cannot go on with it: its record does not say that its hosts are waiting";
      controller.log({ event: "rollout-fail", error, reqid });
      await owned.end();
    }
    return taken ?? "nothing-to-do";
  } catch (thrown) {
    await owned.leave();
    throw thrown;
  }
}

/** Its process ended after it had completed the record, and before it had removed the rest. */
function isOver({ rollout, closed }: RecordedRun): boolean {
  return rollout === undefined || closed;
}

interface Left {
  readonly owned: OwnedRollout;
  readonly order: RolloutOrder;
  readonly found: RecordedRun;
  readonly token: string;
  readonly account: ReplyAccount;
}

async function goOn(
  controller: Controller,
  { owned, order, found, token, account }: Left,
): Promise<TakenUp | undefined> {
  const { report, asked, rollout: facts } = found;
  const { reqid, script, started } = report;
  if (facts === undefined) return undefined;
  const { face, username, sourceIp, route, args, timeout, registered, mayFail } = order;
  const caller = { face, username, token, sourceIp, ...(route === undefined ? {} : { route }) };
  const body = runBody(controller, caller, { script, args, timeout }, reqid);
  const planned = facts.batches.map((places) => places.flatMap((place) => asked[place] ?? []));
  const targets = await hostsOfRun(controller, planned.flat());
  const byLabel = new Map(targets.map((target) => [target.label, target]));
  const batches = planned.map((batch) => batch.flatMap(({ host }) => byLabel.get(host) ?? []));
  const head = recordedFacts(found, token);
  const record = await controller.store.runs.goOn({ ...head, rollout: facts }, account);
  if (record === undefined) return undefined;
  if (!(await record.stored)) {
    record.discard();
    throw new CtrlExecError("unrecorded", "Cannot go on with it: its record cannot be written");
  }
  // Somebody may have cancelled it on hosts that wait: they count when their batch begins.
  const waits = new Set(facts.waiting);
  const results = report.results.filter(({ host, state }) => {
    const isOver = state !== "queued" && state !== "not-started" && !waits.has(host);
    return byLabel.has(host) && isOver;
  });
  const { budget } = await openDialler(controller);
  const before = {
    ...{ begun: facts.begun, results, checking: facts.checking, told: facts.told ?? [] },
    started: parseIso(started) ?? new Date(0),
  };
  const isResumed = facts.resumed_by !== undefined;
  const parts = { body, targets, batches, before, isResumed, owned, record, budget };
  return {
    caller,
    accepted: { ...parts, setting: facts, mayFail, registered: new Set(registered) },
  };
}
