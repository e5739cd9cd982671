/** Begins a run or a rollout for a request, and answers it: with its results, or as soon as it is accepted. */
import type { RunUnderWay } from "../controller/runs/run.ts";
import { startRollout } from "../controller/runs/start-rollout.ts";
import { type RunOrder, startRun } from "../controller/runs/start-run.ts";
import type { RolloutSetting } from "../core/rollout.ts";
import { type JsonAnswer, success } from "./answer.ts";
import type { Call } from "./route.ts";
import type { acceptedAnswer, runAnswer } from "./schemas.ts";
import type { Warnings } from "./warnings.ts";
import { wayBack } from "./way-back.ts";

export interface Beginning {
  readonly order: RunOrder;
  /** Set if it is done a few hosts at a time. */
  readonly rollout?: Partial<RolloutSetting> | undefined;
  /** The rollout to resume. */
  readonly resume?: string;
  readonly wait: boolean;
  /** What is told about its hosts. */
  readonly warnings?: Warnings;
}

export async function beginRun(call: Call, beginning: Beginning): Promise<JsonAnswer> {
  const { api, caller } = call;
  const { order, rollout, resume, wait, warnings } = beginning;
  // Nobody waits for it: it outlives this process, and takes no request slot.
  if (rollout !== undefined && !wait) {
    const { reqid } = await api.detached.begin(caller, { ...order, rollout, resume });
    return accepted(reqid, warnings);
  }
  const started = await begun(call, beginning);
  api.track(started, rollout !== undefined);
  if (!wait) return accepted(started.reqid, warnings);
  const { reqid, results, recorded, rollout: told } = await started.finished;
  const unrecorded = recorded ? {} : { recorded };
  const hint = wayBack(reqid, results, recorded);
  const back = hint === undefined ? {} : { hint };
  const more = told === undefined ? {} : { rollout: told };
  const noted = { ...unrecorded, ...back, ...warnings?.member };
  return success<typeof runAnswer>({ ok: true, reqid, results, ...more, ...noted });
}

function accepted(reqid: string, warnings?: Warnings): JsonAnswer {
  const answer = success<typeof acceptedAnswer>({
    ...{ ok: true, reqid, complete: false },
    ...warnings?.member,
  });
  const headers = {
    Location: `/status/${reqid}`,
    Link: `</runs/${reqid}/events>; rel="monitor"; type="text/event-stream"`,
  };
  return { ...answer, status: 202, headers };
}

async function begun(
  { api, caller }: Call,
  { order, rollout, resume, wait }: Beginning,
): Promise<RunUnderWay> {
  const { controller, answered } = api;
  if (rollout === undefined) {
    return await startRun(controller, caller, { ...order, detach: !wait }, ignore, answered);
  }
  const whole = { ...order, rollout, resume, onNews: ignore };
  return await startRollout(controller, caller, whole, ignore, answered);
}

function ignore(): void {}
