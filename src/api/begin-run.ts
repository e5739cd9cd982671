/** Begins a run or a rollout for a request, and answers it: with its results, or as soon as it is accepted. */
import type { RunUnderWay } from "../controller/runs/run.ts";
import { startRollout } from "../controller/runs/start-rollout.ts";
import { type RunOrder, startRun } from "../controller/runs/start-run.ts";
import type { RolloutSetting } from "../core/rollout.ts";
import { type JsonAnswer, success } from "./answer.ts";
import type { Call } from "./route.ts";
import type { acceptedAnswer, runAnswer } from "./schemas.ts";
import { wayBack } from "./way-back.ts";

export interface Beginning {
  readonly order: RunOrder;
  /** Set if it is done a few hosts at a time. */
  readonly rollout?: Partial<RolloutSetting> | undefined;
  /** The rollout to go on with. */
  readonly resume?: string;
  readonly wait: boolean;
}

export async function beginRun(call: Call, beginning: Beginning): Promise<JsonAnswer> {
  const { api } = call;
  const started = await begun(call, beginning);
  api.track(started);
  if (beginning.wait) {
    const { reqid, results, recorded, rollout } = await started.finished;
    const unrecorded = recorded ? {} : { recorded };
    const hint = wayBack(reqid, results, recorded);
    const back = hint === undefined ? {} : { hint };
    const more = rollout === undefined ? {} : { rollout };
    return success<typeof runAnswer>({ ok: true, reqid, results, ...more, ...unrecorded, ...back });
  }
  const { reqid } = started;
  const accepted = success<typeof acceptedAnswer>({ ok: true, reqid, complete: false });
  const headers = {
    Location: `/status/${reqid}`,
    Link: `</runs/${reqid}/events>; rel="monitor"; type="text/event-stream"`,
  };
  return { ...accepted, status: 202, headers };
}

async function begun(
  { api, caller }: Call,
  { order, rollout, resume, wait }: Beginning,
): Promise<RunUnderWay> {
  const { controller, answered } = api;
  if (rollout === undefined) {
    return await startRun(controller, caller, { ...order, detach: !wait }, ignore, answered);
  }
  // Nobody waits: what the hosts print goes into the record as it comes, and no script is too slow.
  const watch = wait ? {} : { watch: () => ({ onEvent: ignore }) };
  const whole = { ...order, ...watch, rollout, resume, onNews: ignore };
  return await startRollout(controller, caller, whole, ignore, answered);
}

function ignore(): void {}
