/**
 * Asks the agents about a run whose end is not recorded: the process that began it has ended, or no longer waits.
 * Asking starts nothing.
 */
import { inParallel } from "../../core/in-parallel.ts";
import type { ReplyAccount } from "../../core/reply-budget.ts";
import { completedAt, pendingHosts, type RunReportSoFar } from "../../core/run-report.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { isoSeconds } from "../../core/time.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { type FleetDialler, parallelLimit } from "../fleet/fan-out.ts";
import type { HostContext } from "../store/host.ts";
import type { RecordedRun } from "../store/ports/runs.ts";
import { askHostAgain, type Heard } from "./ask-host-again.ts";
import { logResult } from "./log-result.ts";

/** What was learned about a run. */
export interface HeardRun {
  readonly report: RunReportSoFar;
  /** Hosts whose end is not known and that could not be asked now, and why. */
  readonly unheard: ReadonlyMap<string, string>;
}

/**
 * Completes the report with what the agents say, and the record too unless its process is alive. Agents older than
 * 1.1 say nothing about a run.
 *
 * @param account what is learned counts there until it is closed
 * @param own instead of this host's usual credential
 * @throws CtrlExecError `config` if no agent can be asked; a host that cannot be asked is not an error
 */
export async function askAgain(
  controller: Controller,
  { report, alive, begun, open }: RecordedRun,
  account: ReplyAccount,
  own?: FleetDialler,
): Promise<HeardRun> {
  if (open.length === 0) return { report, unheard: new Map() };
  const dialler = { ...(own ?? (await openDialler(controller))), account };
  const heard = new Map<string, Heard>();
  const unheard = new Map<string, string>();
  const silent = new Map<string, RunResult>();
  await using outputs = await controller.store.runs.lateOutputs(report);
  const asking = { controller, dialler, report, alive, outputs, account };
  await inParallel(open, parallelLimit(dialler.config), async (one) => {
    const { host } = one;
    const told = await askHostAgain(asking, one);
    if ("result" in told) {
      heard.set(host, told);
      return;
    }
    const { why } = told;
    if (told.unheard) unheard.set(host, why);
    const before = report.results.find((each) => each.host === host);
    const started = begun.get(host);
    if (before?.state === "running") silent.set(host, notHeardOf(before, why));
    else if (started !== undefined) {
      const running = withoutResult(report, host, "", { state: "running" });
      silent.set(host, notHeardOf({ ...running, started }, why));
    } else if (alive && told.unheard) silent.set(host, waitedFor(report, host, why));
  });
  if (!(await recordHeard(controller, report, alive, [...heard.values()], account))) {
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

/** The record is old, and the agent says nothing now. */
function notHeardOf(before: RunResult, why: string): RunResult {
  const error = `cannot be asked now: ${why}; when last heard of, the script was running`;
  return { ...before, state: "running", error };
}

/** It may not have begun there: only the run's process knows. */
function waitedFor(report: RunReportSoFar, host: string, why: string): RunResult {
  const who = report.waits_for_api ? "ctrl-exec-api asks it again" : STILL_WAITS;
  const error = `cannot be asked now: ${why}; ${who}`;
  return withoutResult(report, host, "", { state: "running", error });
}

const STILL_WAITS = "the process that began the run still waits for it";

/** Unless a living process does. Resolves with false if that was tried, and the record does not have them. */
async function recordHeard(
  controller: HostContext,
  report: RunReportSoFar,
  alive: boolean,
  heard: readonly Heard[],
  account: ReplyAccount,
): Promise<boolean> {
  if (!alive) return await record(controller, report, heard, account);
  if (!report.waits_for_api) return true;
  // Whoever goes on with it asks the others again.
  const ended = heard.filter(({ result }) => !goesOn(result.state));
  return await record(controller, report, ended, account);
}

/** Resolves with whether the record has them. */
async function record(
  { log, store }: HostContext,
  { reqid, results }: RunReportSoFar,
  heard: readonly Heard[],
  account: ReplyAccount,
): Promise<boolean> {
  const known = new Map(results.map(({ host, state }) => [host, state]));
  const news = heard.filter(({ result }) => known.get(result.host) !== result.state);
  if (news.length === 0) return true;
  const told = news.map(({ result }) => result);
  if (!(await store.runs.amend(reqid, told, account))) return false;
  for (const { result, target } of news) {
    if (!goesOn(result.state)) logResult(log, target, result);
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
  const otherwise = report.completed ?? isoSeconds(now);
  const completed = complete ? completedAt(results, otherwise) : null;
  return { ...report, results, pending, complete, completed };
}
