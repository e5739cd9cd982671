/** Ends what a run has started on its hosts. */
import { inParallel } from "../../core/in-parallel.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { isoSeconds } from "../../core/time.ts";
import { cancelReply } from "../../core/wire/messages/cancel-reply.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizeRun } from "../access/authorize-run.ts";
import { hostOfRun } from "../access/authorized-targets.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { answerOf } from "../fleet/answer.ts";
import { askHost, type FleetDialler, type HostOutcome, parallelLimit } from "../fleet/fan-out.ts";
import type { HostContext } from "../store/host.ts";
import type { OpenHost, RecordedRun } from "../store/ports/runs.ts";
import { chosenOfRun, readRunHosts } from "./chosen-of-run.ts";
import { learnEnds } from "./learn-ends.ts";
import { mayHaveLeft, noteNothingLeft } from "./note-nothing-left.ts";
import { findRun, recordedRun } from "./recorded-run.ts";
import { knowsNoSuchRun, type Withdrawal, withdraw } from "./withdraw.ts";

export interface CancelOrder {
  readonly reqid: string;
  /** Expressions, answered from the run's hosts; empty means all of them. */
  readonly hosts: readonly string[];
  /** Expressions: hosts that match any of them are left out. */
  readonly except?: readonly string[];
  /** Seconds between TERM and KILL. */
  readonly grace: number;
}

/** What became of it on one host. */
export interface CancelResult {
  readonly host: string;
  /**
   * `ended`: what ran there was ended. `running`: not all of it could be. `not-running`: nothing of it ran there any
   * more. `will-not-start`: it had not started there, and will not. `failed`: see the error.
   */
  readonly status: "ended" | "running" | "not-running" | "will-not-start" | "failed";
  /** How many processes could not be ended; 0 if the agent did not say. */
  readonly left: number;
  /** The run is lost there: how it ended cannot be known, whatever was left of it and is ended now. */
  readonly lost?: true;
  /** Present if `failed`: no answer, an agent that cannot cancel, or one that does not know the run. */
  readonly error?: string;
}

/** The time for an agent to see that everything has ended, and to answer. */
const MARGIN_SECONDS = 30;

const CANNOT = "its agent is older than 1.1 and cannot cancel";
const NOT_KNOWN =
  "its agent does not know this run, and may have forgotten it; it will not start any more";
const JUST_BEGUN = "it has just begun there; cancel it again";
const SAYS_NO_MORE = "its agent does not know this run, and says nothing else; cancel it again";

/**
 * Ends a rollout, and asks every agent whose host has no recorded end, or an end that nobody has seen, or has left
 * something running. Records how the run ended there, and that nothing is left, unless a living process does so.
 *
 * @param onResult called once per host, as they answer
 * @returns the results in the order of the run's hosts
 * @throws CtrlExecError `denied`, `not-found`, `bad-request` for what cannot be read, a host that is not in the run,
 * or if no host is selected
 */
export async function cancelRun(
  controller: Controller,
  caller: Caller,
  { reqid, hosts, except, grace }: CancelOrder,
  onResult: (result: CancelResult) => void,
  { onStopped, onAsk }: CancelNews = {},
): Promise<readonly CancelResult[]> {
  const asked = readRunHosts(hosts, except);
  await authorizeRun(controller, caller, { action: "cancel", reqid });
  const isWhole = asked === undefined;
  const before = await recordedRun(controller, reqid);
  const stops = isWhole && (await mayBegin(controller, before));
  const stopped = stops ? await stopRollout(controller, caller, reqid) : before;
  if (stops) onStopped?.();
  const wanted = await chosenOfRun(controller, caller, stopped.report, asked);
  const found = isWhole ? stopped : await leaveOut(controller, caller, stopped, wanted);
  const mayWait = isWhole ? stops || !before.report.complete : !found.closed;
  const waiting = new Set(mayWait ? found.rollout?.waiting : []);
  const lost = new Set(
    found.report.results.flatMap(({ host, state }) => (state === "lost" ? [host] : [])),
  );
  const ending = { grace, username: caller.username };
  const told = new Map<string, CancelResult>();
  const tell = (heard: CancelResult) => {
    const result = lost.has(heard.host) ? ({ ...heard, lost: true } as const) : heard;
    told.set(result.host, result);
    onResult(result);
  };
  await endOn(controller, found, wanted, { ...ending, onAsk }, (result) => {
    const waits = result.status === "not-running" && waiting.has(result.host);
    tell(waits ? { ...result, status: "will-not-start" } : result);
  });
  for (const result of await endCheck(controller, found, wanted, ending)) {
    // The script has run there, and its check has not begun.
    if (result.status === "will-not-start") continue;
    if (told.get(result.host)?.status === "not-running") tell(result);
  }
  return wanted.flatMap((host) => told.get(host) ?? []);
}

/** What else is heard of it. */
export interface CancelNews {
  /** Called if it is a rollout, that nobody goes on with now. */
  readonly onStopped?: () => void;
  /** Called before the hosts are asked, with those that are: each of them has a result later. */
  readonly onAsk?: ((hosts: readonly string[]) => void) | undefined;
}

export interface Ending {
  readonly grace: number;
  readonly username: string;
}

/**
 * Ends a check; the hook was asked about it together with its rollout. Does nothing if it is not known, or has ended.
 */
export async function endRun(
  controller: Controller,
  reqid: string,
  ending: Ending,
  wanted?: readonly string[],
): Promise<readonly CancelResult[]> {
  const found = await findRun(controller, reqid);
  if (found === undefined) return [];
  const there = new Set(wanted ?? found.report.hosts);
  const hosts = found.open.map(({ host }) => host).filter((host) => there.has(host));
  const told: CancelResult[] = [];
  await endOn(controller, found, hosts, ending, (result) => void told.push(result));
  return told;
}

/** What its owner may have begun in the meantime, the owner ends itself. */
async function endCheck(
  controller: Controller,
  { rollout, report }: RecordedRun,
  wanted: readonly string[],
  ending: Ending,
): Promise<readonly CancelResult[]> {
  if (report.complete || rollout?.checking === undefined) return [];
  return await endRun(controller, rollout.checking, ending, wanted);
}

/**
 * Its owner begins no further batch. The owner looks for the request to cancel after it has recorded a batch, and
 * before it asks any host. So a record that is read after the request was made has every host that is asked.
 */
async function stopRollout(
  controller: Controller,
  { username }: Caller,
  reqid: string,
): Promise<RecordedRun> {
  const { rollouts } = controller.store;
  await rollouts.wish(reqid, "cancel", { by: username, since: isoSeconds(controller.now()) });
  // It belongs to no process: then nobody waits for requests about it.
  await (await rollouts.own(reqid))?.end();
  return await recordedRun(controller, reqid);
}

/** Hosts that wait for their batch are not asked any more, whoever carries the rollout out, or resumes it. */
async function leaveOut(
  controller: Controller,
  { username }: Caller,
  found: RecordedRun,
  wanted: readonly string[],
): Promise<RecordedRun> {
  const { rollout, closed, asked, report } = found;
  const waits = new Set(closed ? [] : rollout?.waiting);
  const hosts = wanted.filter((host) => waits.has(host));
  if (hosts.length === 0) return found;
  const { rollouts } = controller.store;
  const { reqid } = report;
  await rollouts.leaveOut(reqid, hosts, { by: username, since: isoSeconds(controller.now()) });
  const now = await recordedRun(controller, reqid);
  const isLeft = new Set(now.closed ? [] : now.rollout?.waiting);
  for (const { host, port } of asked) {
    if (!waits.has(host) || !isLeft.has(host) || !wanted.includes(host)) continue;
    const { name, port: called } = await hostOfRun(controller, host, port);
    const target = formatHostPort(name, called);
    const status = "will-not-start";
    controller.log({ event: "cancel", reqid, target, user: username, count: 0, status });
  }
  return now;
}

type EndOrder = Ending & Pick<CancelNews, "onAsk">;

async function endOn(
  controller: Controller,
  found: RecordedRun,
  wanted: readonly string[],
  { onAsk, ...ending }: EndOrder,
  onResult: (result: CancelResult) => void,
): Promise<void> {
  const { report, alive } = found;
  const { reqid } = report;
  const open = new Map(mayRunOn(found).map((each) => [each.host, each]));
  onAsk?.(wanted.filter((host) => open.has(host)));
  const dialler = patient(await openDialler(controller), ending.grace);
  const told: CancelResult[] = [];
  await inParallel(wanted, parallelLimit(controller.config), async (host) => {
    const there = open.get(host);
    const result: CancelResult =
      there === undefined
        ? { host, status: "not-running", left: 0 }
        : await cancelOn(controller, dialler, there, { report, ...ending });
    told.push(result);
    onResult(result);
  });
  const isOver = ({ status }: CancelResult) => status !== "running" && status !== "failed";
  const over = told.filter(isOver).map(({ host }) => host);
  await noteNothingLeft(controller, reqid, over);
  if (!alive && told.some(({ status }) => status !== "failed"))
    await learnEnds(controller, [reqid]);
}

/** Whether a batch of it may still begin. A rollout that waits for its token looks as if it had ended. */
async function mayBegin(
  { store }: HostContext,
  { rollout, report }: RecordedRun,
): Promise<boolean> {
  if (rollout === undefined) return false;
  return !report.complete || (await store.rollouts.detached()).includes(report.reqid);
}

/** A lost run may still be running, with nobody watching it, and so may whatever could not be ended with its script. */
function mayRunOn({ report, asked, open }: RecordedRun): readonly OpenHost[] {
  const mayRun = new Set([
    ...open.map(({ host }) => host),
    ...report.results.filter(mayHaveLeft).map(({ host }) => host),
  ]);
  return asked.filter(({ host }) => mayRun.has(host));
}

/** Waits for the grace too, whatever the read_timeout is. */
function patient(dialler: FleetDialler, grace: number): FleetDialler {
  const read_timeout = Math.max(dialler.config.read_timeout, grace + MARGIN_SECONDS);
  return { ...dialler, config: { ...dialler.config, read_timeout } };
}

interface HostOrder extends Ending {
  readonly report: RunReportSoFar;
}

async function cancelOn(
  controller: HostContext,
  dialler: FleetDialler,
  { host, port }: OpenHost,
  { report, grace, username }: HostOrder,
): Promise<CancelResult> {
  const { reqid } = report;
  const target = await hostOfRun(controller, host, port);
  const body = { reqid, grace, username };
  const request = { method: "POST", path: "/cancel", body, reply: "words" } as const;
  const outcome = await askHost(dialler, target, { ...request, idempotent: true });
  const told = knowsNoSuchRun(outcome)
    ? withdrawn(await withdraw(dialler, target, report, username))
    : toldIn(outcome);
  const asked = { reqid, target: formatHostPort(target.name, target.port), user: username };
  const { error, status, left } = told;
  if (error === undefined) controller.log({ event: "cancel", ...asked, count: left, status });
  else controller.log({ event: "cancel-fail", ...asked, error });
  return { host, ...told };
}

type Told = Omit<CancelResult, "host">;

function toldIn(outcome: HostOutcome): Told {
  const answer = answerOf(cancelReply, outcome);
  if (answer.kind === "given") {
    const { status, left } = answer.data;
    return { status: left > 0 ? "running" : status, left };
  }
  const unknown = answer.kind === "refused" && answer.status === 404;
  return failed(unknown ? CANNOT : answer.why);
}

/** The request may be on its way to a slow host: it must not start after it was cancelled. */
function withdrawn(withdrawal: Withdrawal): Told {
  switch (withdrawal) {
    case "never-ran":
      return { status: "will-not-start", left: 0 };
    case "unknown":
      return failed(NOT_KNOWN);
    case "known":
      return failed(JUST_BEGUN);
    case undefined:
      return failed(SAYS_NO_MORE);
  }
}

function failed(error: string): Told {
  return { status: "failed", left: 0, error };
}
