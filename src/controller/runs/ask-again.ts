/**
 * Asks the agents about a run whose end is not recorded: the process that began it has ended, or waits no longer.
 * Asking starts nothing.
 */
import { inParallel } from "../../core/in-parallel.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { pendingHosts, type RunReportSoFar } from "../../core/run-report.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { goesOn, readLastEnd } from "../../core/run-state.ts";
import { isoSeconds, spanOf } from "../../core/time.ts";
import { resultReply } from "../../core/wire/messages/result-reply.ts";
import { hostOfRun } from "../access/authorized-targets.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { answerOf, whyNotAnswered } from "../fleet/answer.ts";
import { askHost, type FleetDialler, type HostOutcome, parallelLimit } from "../fleet/fan-out.ts";
import type { ReplyAccount } from "../fleet/reply-budget.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { RecordedRun } from "../store/ports/runs.ts";
import { lateResult } from "./late-result.ts";
import { knowsNoSuchRun, withdraw, withdrawnResult } from "./withdraw.ts";

/** What was heard of a run. */
export interface HeardRun {
  readonly report: RunReportSoFar;
  /** Hosts whose end is not known, and that could not be asked now: why. */
  readonly unheard: ReadonlyMap<string, string>;
}

/**
 * Completes the report with what the agents say, and the record too unless its process is alive. Agents older
 * than 1.1 say nothing of a run.
 *
 * @param account what is heard counts there until it is closed
 * @param own instead of this host's usual one
 * @throws CtrlExecError `config` if no agent can be asked; a host that cannot be asked is not an error
 */
export async function askAgain(
  controller: Controller,
  { report, alive, open }: RecordedRun,
  account: ReplyAccount,
  own?: FleetDialler,
): Promise<HeardRun> {
  if (open.length === 0) return { report, unheard: new Map() };
  const dialler = { ...(own ?? openDialler(controller)), account };
  const path = `/result/${report.reqid}`;
  const request = { method: "GET", path, reply: "list", idempotent: true } as const;
  const heard = new Map<string, Heard>();
  const unheard = new Map<string, string>();
  const silent = new Map<string, RunResult>();
  using outputs = await controller.store.runs.lateOutputs(report);
  await inParallel(open, parallelLimit(dialler.config), async ({ host, port }) => {
    const target = await hostOfRun(controller, host, port);
    const outcome = await askHost(dialler, target, request);
    const isUnknown = knowsNoSuchRun(outcome);
    let result = resultIn(report, host, outcome);
    let bare: RunResult | undefined;
    // While its process lives, the request may be on its way.
    if (isUnknown && alive) result = queuedOn(report, host);
    else if (isUnknown) {
      result = withdrawnResult(report, host, await withdraw(dialler, target, report));
    } else if (outcome.dropped && !alive) {
      // It has printed more than an answer may hold. If its process lives, the record will have it in a moment.
      const output = outputs.of(host, account.openReply());
      const late = await lateResult(dialler, target, report, host, output);
      result = late?.result;
      bare = late?.bare;
    }
    if (result !== undefined) heard.set(host, { result, bare, target });
    else {
      const why = isUnknown ? SAYS_NO_MORE : whyNotAnswered(outcome);
      if (outcome.reply === undefined || isUnknown) unheard.set(host, why);
      const before = report.results.find((each) => each.host === host);
      if (before?.state === "running") silent.set(host, notHeardOf(before, why));
    }
  });
  if (!alive && !(await record(controller, report, [...heard.values()], account))) {
    for (const [host, { bare, target }] of heard) {
      if (bare !== undefined) heard.set(host, { result: bare, target });
    }
  }
  const now = new Map([
    ...silent,
    ...[...heard].map(([host, { result }]) => [host, result] as const),
  ]);
  return { report: withResults(report, now, controller.now()), unheard };
}

const SAYS_NO_MORE = "its agent does not know this run, and says no more";

/** What the record has is old, and its agent says nothing now. */
function notHeardOf(before: RunResult, why: string): RunResult {
  const error = `cannot be asked now: ${why}; when last heard of, the script was running`;
  return { ...before, state: "running", error };
}

interface Heard {
  readonly result: RunResult;
  /** Without outputs, if they are good only if it is recorded. */
  readonly bare?: RunResult | undefined;
  readonly target: ResolvedTarget;
}

/** Undefined if the agent did not say how it is with the run. */
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
  // No time of an answer was measured.
  const rtt = spanOf(started, ended);
  const head = { host, script: report.script, exit, stdout, stderr, rtt, reqid: report.reqid };
  const end = readLastEnd(told, "never-ran");
  return { ...head, ...end, ...rest, ...(ended === undefined ? {} : { ended }) };
}

/** While its process lives, it will still ask an agent that has not begun the run. */
function queuedOn(report: RunReportSoFar, host: string): RunResult | undefined {
  const isBegun = report.results.some((result) => result.host === host);
  if (isBegun) return undefined;
  return withoutResult(report, host, "", { state: "queued" });
}

/** Resolves with whether the record has them. */
async function record(
  { log, store }: Controller,
  { reqid, script, results }: RunReportSoFar,
  heard: readonly Heard[],
  account: ReplyAccount,
): Promise<boolean> {
  const known = new Map(results.map(({ host, state }) => [host, state]));
  const news = heard.filter(({ result }) => known.get(result.host) !== result.state);
  if (news.length === 0) return true;
  const told = news.map(({ result }) => result);
  if (!(await store.runs.amend(reqid, told, account))) return false;
  for (const { result, target } of news) {
    if (goesOn(result.state)) continue;
    const { error, exit } = result;
    const asked = { reqid, script, target: formatHostPort(target.name, target.port) };
    if (error === undefined) log({ event: "run", ...asked, exit });
    else log({ event: "run-fail", ...asked, error });
  }
  return true;
}

function withResults(
  report: RunReportSoFar,
  heard: ReadonlyMap<string, RunResult>,
  now: Date,
): RunReportSoFar {
  const known = new Map(report.results.map((result) => [result.host, result]));
  const results = report.hosts.flatMap((host) => heard.get(host) ?? known.get(host) ?? []);
  const pending = pendingHosts(report.hosts, results);
  const complete = pending.length === 0;
  const completed = complete ? (report.completed ?? isoSeconds(now)) : null;
  return { ...report, results, pending, complete, completed };
}
