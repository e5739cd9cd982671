/** Asks one agent about a run whose end is not recorded. Asking starts nothing. */
import type { ReplyAccount } from "../../core/reply-budget.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { readAgentEnd } from "../../core/run-state.ts";
import { spanOf } from "../../core/time.ts";
import { resultReply } from "../../core/wire/messages/result-reply.ts";
import { hostOfRun } from "../access/authorized-targets.ts";
import { answerOf, whyNotAnswered } from "../fleet/answer.ts";
import { askHost, type FleetDialler, type HostOutcome } from "../fleet/fan-out.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import type { LateOutputs, OpenHost } from "../store/ports/runs.ts";
import { lateResult } from "./late-result.ts";
import { knowsNoSuchRun, withdraw, withdrawnResult } from "./withdraw.ts";

/** What every host of the run is asked with. */
export interface Asking {
  readonly controller: HostContext;
  readonly dialler: FleetDialler;
  readonly report: RunReportSoFar;
  /** Whether the run's process is alive. */
  readonly alive: boolean;
  /** Receives outputs that are too long for an answer. */
  readonly outputs: LateOutputs;
  readonly account: ReplyAccount;
}

export interface Heard {
  readonly result: RunResult;
  /** Without outputs if they are valid only once the result is recorded. */
  readonly bare?: RunResult | undefined;
  readonly target: ResolvedTarget;
}

/** The agent did not say what has become of the run. */
export interface Silent {
  readonly why: string;
  /** It could not be asked, or says nothing else; otherwise it answers like an agent older than 1.1. */
  readonly unheard: boolean;
}

const SAYS_NO_MORE = "its agent does not know this run, and says nothing else";

export async function askHostAgain(
  { controller, dialler, report, alive, outputs, account }: Asking,
  { host, port }: OpenHost,
): Promise<Heard | Silent> {
  const target = await hostOfRun(controller, host, port);
  const path = `/result/${report.reqid}`;
  const request = { method: "GET", path, reply: "list", idempotent: true } as const;
  const outcome = await askHost(dialler, target, request);
  if (knowsNoSuchRun(outcome)) {
    // While the run's process is alive, the request may be on its way.
    const result = alive
      ? queuedOn(report, host)
      : withdrawnResult(report, host, await withdraw(dialler, target, report));
    return result === undefined ? { why: SAYS_NO_MORE, unheard: true } : { result, target };
  }
  if (outcome.dropped && (!alive || report.waits_for_api)) {
    // It has printed more than an answer may hold. If its process lives, the record will have it in a moment.
    const output = outputs.of(host, account.openReply());
    const late = await lateResult(dialler, target, report, host, output);
    if (late !== undefined) return { ...late, target };
  }
  const result = resultIn(report, host, outcome);
  if (result !== undefined) return { result, target };
  return { why: whyNotAnswered(outcome), unheard: outcome.reply === undefined };
}

/** Undefined if the agent did not say what has become of the run. */
function resultIn(
  report: RunReportSoFar,
  host: string,
  outcome: HostOutcome,
): RunResult | undefined {
  const answer = answerOf(resultReply, outcome);
  if (answer.kind !== "given") return undefined;
  const told = answer.data;
  if (told.status === "running") {
    const { started } = told;
    const running = withoutResult(report, host, "", { state: "running" });
    return started === undefined ? running : { ...running, started };
  }
  const { status: _, finished, exit, stdout, stderr, error, state, ...rest } = told;
  const { started, ended = finished } = rest;
  // The time of an answer was not measured.
  const rtt = spanOf(started, ended);
  const head = { host, script: report.script, exit, stdout, stderr, rtt, reqid: report.reqid };
  const end = readAgentEnd(told);
  return { ...head, ...end, ...rest, ...(ended === undefined ? {} : { ended }) };
}

/** While the run's process is alive, it will still ask an agent that has not begun the run. */
function queuedOn(report: RunReportSoFar, host: string): RunResult | undefined {
  const isBegun = report.results.some((result) => result.host === host);
  if (isBegun) return undefined;
  return withoutResult(report, host, "", { state: "queued" });
}
