/** The result of a run on one host: from an answer, a refusal, or no answer. */
import { runsAs } from "../../core/refusal-steps.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { type RunState, readAgentEnd, runEnd, stateOfRefusal } from "../../core/run-state.ts";
import { busyWith, NOT_PERMITTED } from "../../core/wire/messages/refusal.ts";
import { runReply } from "../../core/wire/messages/run-reply.ts";
import { answerOf } from "../fleet/answer.ts";
import type { HostOutcome } from "../fleet/fan-out.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { RunProgress } from "./run-progress.ts";

interface Run {
  readonly script: string;
  readonly reqid: string;
}

export function hostResult(run: Run, outcome: HostOutcome, progress: RunProgress): RunResult {
  const { target } = outcome;
  const host = target.label;
  const rtt = `${outcome.rtt}ms`;
  const answer = answerOf(
    runReply,
    outcome,
    (status) => `${host} answered with status ${status} and no result`,
  );
  if (answer.kind === "given") {
    const { exit, stdout, stderr, error, state, ...rest } = answer.data;
    // The order of docs/PROTOCOL.md, section 5: scripts grep for `"script":"...","exit":0`.
    const head = { host, script: run.script, exit, stdout, stderr, rtt, reqid: run.reqid };
    return { ...head, ...readAgentEnd(answer.data), ...rest };
  }
  const other = outcome.reply?.status === 409 ? busyWith(outcome.reply.json) : undefined;
  if (other !== undefined) return withoutResult(run, host, rtt, runEnd("never-ran", runsAs(other)));
  const state = answer.kind === "none" ? progress.stateOf(target) : stateOfRefusal(answer.status);
  return withoutResult(run, host, rtt, runEnd(state, answer.why));
}

/** For a host that is not asked because no allowlist can contain the name: what it would have answered. */
export function notPermittedResult(run: Run, target: ResolvedTarget): RunResult {
  return withoutResult(run, target.label, "0ms", runEnd("never-ran", NOT_PERMITTED));
}

const GIVEN_UP: Partial<Record<RunState, string>> = {
  "never-ran": "before this host was asked",
  running: "before the script had ended there",
};

/** For a host whose answer is no longer waited for. @param why "ctrl-exec was stopped" */
export function givenUpResult(
  run: Run,
  target: ResolvedTarget,
  progress: RunProgress,
  why: string,
): RunResult {
  const state = progress.stateOf(target);
  const when = GIVEN_UP[state] ?? "before this host answered; the script may have run";
  const error = `${why} ${when}`;
  return withoutResult(run, target.label, "", runEnd(state, error));
}
