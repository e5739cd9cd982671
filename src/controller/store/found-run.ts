/** A run as its record and its process leave it: what is told of it, and which of its hosts can be asked. */
import { leftOutResult } from "../../core/left-out.ts";
import { completedAt, pendingHosts, type RunReportSoFar } from "../../core/run-report.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { goesOn as mayGoOn } from "../../core/run-state.ts";
import { isoSeconds } from "../../core/time.ts";
import type { StoreContext } from "./host.ts";
import type { LeftOut, RolloutStore } from "./ports/rollouts.ts";
import type { OpenHost, RecordedRun } from "./ports/runs.ts";
import type { recordJson } from "./record-json.ts";
import { type RecordedResult, resultFromRecord } from "./recorded-result.ts";
import type { Waiting } from "./rollout-order.ts";
import { rolloutSoFar } from "./rollout-so-far.ts";
import { resultsOf, type StoredRun, waitingHosts } from "./stored-run.ts";

type Hands = Pick<RolloutStore, "isOwned" | "wishes">;

/** For a host in a record without a result. Only those of rollouts say which hosts had been asked. */
const LOST = {
  state: "unknown",
  error:
    "no result of this host was recorded: ctrl-exec ended, or could not write, before it answered; the script may have run",
} as const;

/** For a host of a rollout whose batch had not begun. */
const NOT_STARTED = {
  state: "not-started",
  error: "ctrl-exec ended before the batch of this host began",
} as const;

/** The same for one that was detached with a token. */
const WITHOUT_TOKEN = {
  state: "not-started",
  error: "ctrl-exec-api was restarted, and its token is not kept: run --resume with it goes on",
} as const;

/**
 * What is told of it, and what is needed to ask its hosts again.
 *
 * @param rollouts who carries it out, and what others have asked for
 */
export async function openRun(
  context: StoreContext,
  stored: FoundRun,
  rollouts: Hands,
): Promise<RecordedRun> {
  const found = (await isCarriedOut(stored, rollouts)) ? { ...stored, ...CARRIED_OUT } : stored;
  const detached = found.detached === "waits";
  const alive = goesOn(found);
  const told = reportOf(context, found);
  // What was wished of one with which nobody goes on is over.
  const report = alive ? await withHands(told, detached, rollouts) : withNeed(told, found);
  const asked = askedHosts(found.run);
  const begun = begunOn(found);
  const waiting = new Set(waitingHosts(found.run));
  const open = openHosts(asked, report).filter(({ host }) => !waiting.has(host));
  const { rollout } = found.run;
  const closed = found.run.complete;
  return { report, alive, detached, closed, begun, asked, open, ...(rollout && { rollout }) };
}

const CARRIED_OUT = { alive: true, silent: false, detached: undefined } as const;

/**
 * Whether it is a rollout with which a process goes on, however long that has not touched the record: it was stopped
 * (SIGSTOP, a suspended machine), or a clock was set.
 */
export async function isCarriedOut(
  { run }: Pick<FoundRun, "run">,
  rollouts: Pick<Hands, "isOwned">,
): Promise<boolean> {
  if (run.rollout === undefined || run.complete) return false;
  // A user who may not look there does not know.
  return await rollouts.isOwned(run.reqid).catch(() => false);
}

/** In whose hands it is. */
async function withHands(
  report: RunReportSoFar,
  detached: boolean,
  rollouts: Pick<Hands, "wishes">,
): Promise<RunReportSoFar> {
  const { pause: paused, continued } = await rollouts.wishes(report.reqid);
  return {
    ...report,
    ...(paused === undefined ? continued && { continued } : { paused }),
    ...(detached && ({ waits_for_api: true } as const)),
  };
}

function withNeed(report: RunReportSoFar, { detached }: FoundRun): RunReportSoFar {
  return detached === "for its token" ? { ...report, waits_for_token: true } : report;
}

function begunOn({ run: { hosts, begun = [] }, alive }: FoundRun): ReadonlyMap<string, string> {
  const told = hosts.map((host, position) => [host, alive ? begun[position] : null] as const);
  return new Map(told.flatMap(([host, started]) => (started ? [[host, started] as const] : [])));
}

export interface FoundRun {
  readonly run: StoredRun;
  /** No process waits for its hosts, or the process has not touched the record for a long time. */
  readonly silent: boolean;
  readonly alive: boolean;
  readonly touched: Date;
  /** It was detached, and no process carries it out now. */
  readonly detached: Waiting | undefined;
  /** Of hosts whose batch has not begun. */
  readonly leftOut: LeftOut;
}

/** A process carries it out, or will. */
function goesOn({ alive, detached }: FoundRun): boolean {
  return alive || detached === "waits";
}

/** What is known about the hosts of a rollout that wait: nobody asks them if its process is gone. */
export function waitingResults(found: FoundRun): RunResult[] {
  const { run, detached, leftOut } = found;
  const stopped = detached === "for its token" ? WITHOUT_TOKEN : NOT_STARTED;
  const end = goesOn(found) ? ({ state: "queued" } as const) : stopped;
  return waitingHosts(run).map((host) => {
    const cancel = leftOut.get(host);
    return cancel === undefined
      ? withoutResult(run, host, "", end)
      : leftOutResult(run, host, cancel.by);
  });
}

function reportOf({ config, now }: StoreContext, found: FoundRun): RunReportSoFar {
  const { run, silent, touched } = found;
  const { reqid, script, hosts, submitter, started } = run;
  const recorded = resultsOf(run).map((result) => resultFromRecord(config, run, result));
  const results = [...recorded, ...waitingResults(found)];
  const answered = new Set(results.map(({ host }) => host));
  const missing = hosts.filter((host) => !answered.has(host));
  // Complete or not, a host without a result is not a success.
  const lost =
    run.complete || silent ? missing.map((host) => withoutResult(run, host, "", LOST)) : [];
  const all = [...results, ...lost];
  const pending = pendingHosts(hosts, all);
  const moment = { goesOn: goesOn(found), now: now() };
  // All hosts of a rollout may be done before its last check is.
  const isUnderWay = run.rollout !== undefined && !run.complete && moment.goesOn;
  const complete = pending.length === 0 && !isUnderWay;
  const far = run.rollout && rolloutSoFar(run.rollout, all, moment);
  const { resumed_by } = run.rollout ?? {};
  const { check_of } = run;
  return {
    reqid,
    script,
    hosts,
    results: all,
    pending,
    complete,
    submitter,
    started,
    completed: complete ? (run.completed ?? isoSeconds(touched)) : null,
    ...(far && { rollout: far }),
    ...(check_of !== undefined && { check_of }),
    ...(resumed_by && { resumed_by }),
  };
}

function askedHosts({ hosts, ports }: StoredRun): OpenHost[] {
  return hosts.map((host, position) => ({ host, port: ports?.[position] ?? undefined }));
}

function openHosts(asked: readonly OpenHost[], { results }: RunReportSoFar): OpenHost[] {
  const known = new Set(
    results.filter(({ state }) => !mayGoOn(state) && state !== "unknown").map(({ host }) => host),
  );
  return asked.filter(({ host }) => !known.has(host));
}

/** The record with what was heard later, in place of what it had of these hosts. */
export function amended(
  found: FoundRun,
  news: ReadonlyMap<string, RecordedResult>,
  now: Date,
): Parameters<typeof recordJson>[0] {
  const { run, detached } = found;
  // Somebody goes on with a detached rollout: then the hosts that wait are asked, and its last check may be missing.
  const isOver = detached === undefined;
  const known = [...resultsOf(run), ...(isOver ? waitingResults(found) : [])];
  const before = new Map(known.map((result) => [result.host, result]));
  const results = run.hosts.flatMap((host) => news.get(host) ?? before.get(host) ?? []);
  const complete = isOver && pendingHosts(run.hosts, results).length === 0;
  const completed = completedAt(results, run.completed ?? isoSeconds(now));
  return {
    ...run,
    results,
    complete,
    completed: complete ? completed : null,
    writer: null,
    begun: undefined,
  };
}

/** What a rollout that has stopped has already; undefined if these hosts do not all wait. */
export function beforeResuming(
  found: FoundRun,
  hosts: readonly string[],
): RecordBefore | undefined {
  const known = [...resultsOf(found.run), ...waitingResults(found)];
  const waiting = new Set(hosts);
  const wait = known.filter(({ host }) => waiting.has(host));
  const mayBegin = wait.every(({ host, state }) => {
    return state === "not-started" || state === "queued" || found.leftOut.has(host);
  });
  if (wait.length < waiting.size || !mayBegin) return undefined;
  const results = known.filter(({ host }) => !waiting.has(host));
  const { started, began } = found.run;
  return { started, began, results };
}

/** What the record of a resumed rollout has. */
export interface RecordBefore {
  readonly started: string;
  /** Undefined in older records. */
  readonly began: number | undefined;
  readonly results: readonly RecordedResult[];
}
