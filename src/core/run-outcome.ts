/** How a run went on a host, in a word. */
import { type RunResult, runFailed } from "./run-result.ts";
import type { RunState } from "./run-state.ts";

/** A run as a whole is as its hosts that come first here. */
export const RUN_OUTCOMES = [
  "running",
  "queued",
  "failed",
  "never-ran",
  "unknown",
  "lost",
  "ok",
] as const;
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

/** @param failed as `run` judges it */
export function outcomeOf({
  state,
  failed,
}: {
  readonly state: RunState;
  readonly failed: boolean;
}): RunOutcome {
  if (state !== "ended") return state;
  return failed ? "failed" : "ok";
}

export function outcomeOfResult(result: Pick<RunResult, "state" | "exit" | "error">): RunOutcome {
  return outcomeOf({ state: result.state, failed: runFailed(result) });
}

/** How many of the hosts ended in each way that occurs, successes first. */
export function countOutcomes(outcomes: readonly RunOutcome[]): [RunOutcome, number][] {
  return RUN_OUTCOMES.toReversed()
    .map((word): [RunOutcome, number] => [word, outcomes.filter((is) => is === word).length])
    .filter(([, count]) => count > 0);
}
