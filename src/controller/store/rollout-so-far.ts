/** How far a rollout has got, as its record says. Pure. */
import { type RolloutReport, stoppedWhere } from "../../core/rollout.ts";
import type { RunResult } from "../../core/run-result.ts";
import { parseIso } from "../../core/time.ts";
import type { RolloutFacts } from "./ports/runs.ts";

interface Moment {
  /** A process carries it out, or will. */
  readonly goesOn: boolean;
  readonly now: Date;
}

/** @param results of all of its hosts that have one */
export function rolloutSoFar(
  { batches, begun, checking, next_at, told = [] }: RolloutFacts,
  results: readonly RunResult[],
  { goesOn, now }: Moment,
): RolloutReport {
  const left = results.filter(({ state }) => state === "not-started").length;
  const reason = told.flatMap((each) => (each.event === "stopped" ? each.reason : [])).at(-1);
  // A process that was killed has told nothing.
  const lost = left > 0 ? `${stoppedWhere(begun, batches.length)}: ctrl-exec ended` : undefined;
  const stopped = goesOn ? undefined : (reason ?? lost);
  const isChecked = told.some((each) => each.event === "check" && each.batch === begun);
  const next = parseIso(next_at ?? "");
  return {
    ...{ batches: batches.length, begun, not_started: left },
    ...(stopped !== undefined && { stopped }),
    ...(checking !== undefined && !isChecked && { checking }),
    ...(next_at !== undefined && goesOn && next !== undefined && next > now && { next_at }),
  };
}
