/** Starts a run that is done a few hosts at a time, and carries it out. */
import type { RunResult } from "../../core/run-result.ts";
import type { Caller } from "../access/authorize.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { type AcceptedRollout, acceptRollout, type NewRollout } from "./accept-rollout.ts";
import { checkOf } from "./batch-check.ts";
import { endRun } from "./cancel.ts";
import { authorizeBatch } from "./plan-rollout.ts";
import { mustBeRegistered, unregisteredOf } from "./registered-hosts.ts";
import { Rollout } from "./rollout.ts";
import type { BatchNews, RolloutNews } from "./rollout-news.ts";
import type { RunOrder } from "./start-run.ts";

export interface RolloutOrder extends NewRollout, Pick<RunOrder, "watch"> {
  readonly onNews: (news: RolloutNews) => void;
  /** Whether a person lets the next batch begin, unless the rollout stops before that. */
  readonly confirm?: ((next: BatchNews, stopped: AbortSignal) => Promise<boolean>) | undefined;
}

/**
 * Resolves as soon as the rollout is accepted: then its record can be read, and nothing has been sent. It is always
 * recorded, because without a record nobody could say where it stopped.
 *
 * @param onResult called once per host that was asked, as they answer
 * @param needed settles when nobody needs the results any more
 * @throws CtrlExecError as startRun(), and `not-found`, `bad-request` or `busy` for what cannot be resumed
 */
export async function startRollout(
  controller: Controller,
  caller: Caller,
  order: RolloutOrder,
  onResult: (result: RunResult) => void,
  needed?: Promise<unknown>,
): Promise<Rollout> {
  const accepted = await acceptRollout(controller, caller, order, needed && { needed });
  return carryOut(() => controller, caller, accepted, { ...order, onResult }, needed);
}

/** Who is told about it, and who is asked. */
export interface Audience extends Pick<RolloutOrder, "watch" | "onNews" | "confirm"> {
  readonly onResult: (result: RunResult) => void;
}

/** @param current as it is now: a service may have read its configuration again */
export function carryOut(
  current: () => Controller,
  caller: Caller,
  accepted: AcceptedRollout,
  { watch, onNews, confirm, onResult }: Audience,
  needed?: Promise<unknown>,
): Rollout {
  const { setting, mayFail, budget, registered, ...parts } = accepted;
  const { body, targets } = parts;
  const watcher = watch?.(targets.map(({ label }) => label)) ?? { onEvent: undefined };
  const action = { action: "run", script: body.script, args: body.args } as const;
  const { check } = setting;
  const rollout = new Rollout(
    current(),
    {
      ...{ ...parts, watcher, onResult, onNews, confirm, mayFail },
      pause: setting.pause,
      openDialler: async () => ({ ...(await openDialler(current())), budget }),
      authorize: async (batch) => {
        await mustBeRegistered(current(), batch, registered);
        await authorizeBatch(current(), caller, action, batch);
      },
      unregistered: async (hosts) => await unregisteredOf(current(), hosts, registered),
      check: check === "" ? undefined : checkOf(current, caller, check, registered, body.reqid),
      endCheck: async (reqid, username) => {
        // Whoever cancels it also asks, and learns what could not be ended.
        await endRun(current(), reqid, { grace: GRACE, username }).catch(() => undefined);
      },
    },
    needed,
  );
  rollout.begin();
  return rollout;
}

/** Seconds between TERM and KILL for a check. */
const GRACE = 10;
