/** What came of a run on one host, as its result: an answer, a refusal, or nothing. */
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { readRunEnd, runEnd, stateOfRefusal } from "../../core/run-state.ts";
import { NOT_PERMITTED, refusalIn, runReply } from "../../core/wire/messages.ts";
import type { HostOutcome } from "../fleet/fan-out.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { RunProgress } from "./run-progress.ts";

interface Run {
  readonly script: string;
  readonly reqid: string;
}

export function hostResult(
  run: Run,
  { target, reply, error: failure, rtt: ms }: HostOutcome,
  progress: RunProgress,
): RunResult {
  const host = target.label;
  const rtt = `${ms}ms`;
  if (reply === undefined) {
    return withoutResult(run, host, rtt, runEnd(progress.stateOf(target), failure ?? "no answer"));
  }
  const answered = runReply.safeParse(reply.json);
  if (reply.status === 200 && answered.success) {
    const { exit, stdout, stderr, error, state, ...rest } = answered.data;
    // The order of docs/PROTOCOL.md, section 5: scripts grep for `"script":"...","exit":0`.
    const head = { host, script: run.script, exit, stdout, stderr, rtt, reqid: run.reqid };
    return { ...head, ...readRunEnd(answered.data, "never-ran"), ...rest };
  }
  const problem = `${host} answered with status ${reply.status} and no result`;
  const end = runEnd(stateOfRefusal(reply.status), refusalIn(reply.json) ?? problem);
  return withoutResult(run, host, rtt, end);
}

/** Of a host that is not asked for a name that no allowlist can hold: what it would have answered. */
export function notPermittedResult(run: Run, target: ResolvedTarget): RunResult {
  return withoutResult(run, target.label, "0ms", runEnd("never-ran", NOT_PERMITTED));
}

/** Of a host whose answer nobody waits for any more. @param why "ctrl-exec was stopped" */
export function givenUpResult(
  run: Run,
  target: ResolvedTarget,
  progress: RunProgress,
  why: string,
): RunResult {
  const state = progress.stateOf(target);
  const error =
    state === "never-ran"
      ? `${why} before this host was asked`
      : `${why} before this host answered; the script may have run`;
  return withoutResult(run, target.label, "", runEnd(state, error));
}
