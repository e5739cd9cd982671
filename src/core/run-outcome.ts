/** How a run went on a host, in one word. */
import { type RunResult, runFailed } from "./run-result.ts";
import type { RunState } from "./run-state.ts";

/** What needs attention most comes first. */
export const RUN_OUTCOMES = [
  "running",
  "queued",
  "failed",
  "cancelled",
  "never-ran",
  "not-started",
  "unknown",
  "lost",
  "ok",
] as const;
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

/** @param failed as `run` judges it */
export function outcomeOf({
  state,
  failed,
  cancelled = false,
}: {
  readonly state: RunState;
  readonly failed: boolean;
  readonly cancelled?: boolean;
}): RunOutcome {
  if (state !== "ended") return state;
  if (!failed) return "ok";
  return cancelled ? "cancelled" : "failed";
}

export function outcomeOfResult(
  result: Pick<RunResult, "state" | "exit" | "error" | "cancelled">,
): RunOutcome {
  const { state, cancelled = false } = result;
  return outcomeOf({ state, failed: runFailed(result), cancelled });
}

/** How many of the hosts ended in each way that occurs, successes first. */
export function countOutcomes(outcomes: readonly RunOutcome[]): [RunOutcome, number][] {
  return RUN_OUTCOMES.toReversed()
    .map((word): [RunOutcome, number] => [word, outcomes.filter((is) => is === word).length])
    .filter(([, count]) => count > 0);
}
