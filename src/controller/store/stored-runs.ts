/** Reads run records: of runs under way, of runs whose process was lost, and of 0.8. */
import { stat } from "node:fs/promises";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import type { ReplyAccount } from "../../core/reply-budget.ts";
import { isRequestId } from "../../core/request-id.ts";
import { pendingHosts, type RunReportSoFar } from "../../core/run-report.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { goesOn as mayGoOn } from "../../core/run-state.ts";
import { isoSeconds } from "../../core/time.ts";
import { JsonReader } from "../../core/wire/json-reader.ts";
import { readChunks } from "../../system/files/async-files.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { fileError } from "../../system/files/files.ts";
import { isRunning } from "../../system/process/process-id.ts";
import type { StoreContext } from "./host.ts";
import type { OpenHost, RecordedRun } from "./ports/runs.ts";
import { longestRecord, recordFile } from "./record-file.ts";
import { resultFromRecord } from "./recorded-result.ts";
import { FileRollouts } from "./rollout-files.ts";
import { orderFile, readOrder } from "./rollout-order.ts";
import { rolloutSoFar } from "./rollout-so-far.ts";
import { LOST_AFTER_MS } from "./run-record.ts";
import { parseStoredRun, resultsOf, type StoredRun, waitingHosts } from "./stored-run.ts";

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

/** A text of at least this many characters is not parsed with the rest, which is parsed in one go. */
const LONG_TEXT = 4096;

/** The beginning of a record as written here: the submitter's name has at most 8 Ki characters. */
const BEGINNING = /^\{"reqid":"[0-9a-f]{16}","submitter":("[^"\\]*(?:\\.[^"\\]*)*"),/;
const BEGINNING_BYTES = 65_536;

/**
 * Who submitted the run, from the beginning of its record: cheap, whatever the hosts have printed (T67).
 * Undefined if there is no such record, or it does not say.
 */
export async function submitterOf(
  { config, now }: StoreContext,
  reqid: string,
): Promise<string | undefined> {
  if (!isRequestId(reqid)) return undefined;
  const file = recordFile(config, reqid);
  const age = await ageOf(file, now());
  if (age === undefined || age > config.run_retention * 1000) return undefined;
  for await (const chunk of readChunks(file, BEGINNING_BYTES)) {
    const found = BEGINNING.exec(chunk.toString("utf8"))?.[1];
    return found === undefined ? undefined : String(JSON.parse(found));
  }
  return undefined;
}

/**
 * The run so far; undefined if it is unknown or no longer kept.
 *
 * @param account what is read counts there until it is closed
 * @throws CtrlExecError `damaged` that names the run, `storage` if the file cannot be read, `busy` if there is
 * no room for it
 */
export async function readRunRecord(
  context: StoreContext,
  reqid: string,
  account: ReplyAccount,
): Promise<RunReportSoFar | undefined> {
  return (await readOpenRun(context, reqid, account))?.report;
}

/** The same, with what is needed to ask its hosts again. */
export async function readOpenRun(
  context: StoreContext,
  reqid: string,
  account: ReplyAccount,
): Promise<RecordedRun | undefined> {
  const stored = await readStoredRun(context, reqid, account);
  if (stored === undefined) return undefined;
  const found = (await isCarriedOut(context, stored)) ? { ...stored, ...CARRIED_OUT } : stored;
  const detached = found.detached === "waits";
  const alive = found.alive || detached;
  const told = reportOf(context, found);
  // What was wished of one with which nobody goes on is over.
  const report = alive ? await withHands(context, told, detached) : withNeed(told, found);
  const asked = askedHosts(found.run);
  const begun = begunOn(found);
  const waiting = new Set(waitingHosts(found.run));
  const open = openHosts(asked, report).filter(({ host }) => !waiting.has(host));
  const { rollout } = found.run;
  const closed = found.run.complete;
  return { report, alive, detached, closed, begun, asked, open, ...(rollout && { rollout }) };
}

export function recordVersion({ config }: StoreContext, reqid: string): string {
  return fileVersion(recordFile(config, reqid));
}

const CARRIED_OUT = { alive: true, silent: false, detached: undefined } as const;

/**
 * Whether it is a rollout with which a process goes on, however long that has not touched the record: it was stopped
 * (SIGSTOP, a suspended machine), or a clock was set.
 */
export async function isCarriedOut(
  context: StoreContext,
  { run }: Pick<FoundRun, "run">,
): Promise<boolean> {
  if (run.rollout === undefined || run.complete) return false;
  // A user who may not look there does not know.
  return await new FileRollouts(context).isOwned(run.reqid).catch(() => false);
}

/** In whose hands it is. */
async function withHands(
  context: StoreContext,
  report: RunReportSoFar,
  detached: boolean,
): Promise<RunReportSoFar> {
  const { pause: paused, continued } = await new FileRollouts(context).wishes(report.reqid);
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
  /**
   * It was detached, and no process carries it out now: ctrl-exec-api will, or somebody who gives the token again.
   */
  readonly detached: "waits" | "for its token" | undefined;
}

export async function readStoredRun(
  context: StoreContext,
  reqid: string,
  account: ReplyAccount,
): Promise<FoundRun | undefined> {
  const { config, now } = context;
  if (!isRequestId(reqid)) return undefined;
  const file = recordFile(config, reqid);
  const time = now();
  const age = await ageOf(file, time);
  if (age === undefined || age > config.run_retention * 1000) return undefined;
  const run = parseStoredRun(await readRecord(config, reqid, account), reqid);
  const { complete, writer } = run;
  const silent = age > LOST_AFTER_MS || writer === null;
  const alive = !complete && !silent && (!writer || isRunning(writer));
  const detached = complete || alive ? undefined : waitsFor(context, reqid);
  const touched = new Date(time.getTime() - age);
  return { run, silent: silent && detached !== "waits", alive, touched, detached };
}

/** The rollouts that a process goes on with, or that ctrl-exec-api will. */
export async function awaitedRollouts(context: StoreContext): Promise<readonly string[]> {
  const rollouts = new FileRollouts(context);
  const detached = await rollouts.detached();
  const waiting = detached.filter((reqid) => waitsFor(context, reqid) === "waits");
  return [...rollouts.owned(), ...waiting];
}

function waitsFor(context: StoreContext, reqid: string): FoundRun["detached"] {
  try {
    const order = readOrder(orderFile(context.config, reqid));
    if (order === undefined) return undefined;
    return order.hasToken ? "for its token" : "waits";
  } catch {
    // Nobody goes on with it.
    return undefined;
  }
}

/** What is known about the hosts of a rollout that wait: nobody asks them if its process is gone. */
export function waitingResults({ run, alive, detached }: FoundRun): RunResult[] {
  const goesOn = alive || detached === "waits";
  const stopped = detached === "for its token" ? WITHOUT_TOKEN : NOT_STARTED;
  const end = goesOn ? ({ state: "queued" } as const) : stopped;
  return waitingHosts(run).map((host) => withoutResult(run, host, "", end));
}

function reportOf({ config, now }: StoreContext, found: FoundRun): RunReportSoFar {
  const { run, silent, touched, alive, detached } = found;
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
  const complete = pending.length === 0;
  const goesOn = alive || detached === "waits";
  const far = run.rollout && rolloutSoFar(run.rollout, all, { goesOn, now: now() });
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

/** Undefined if it is not JSON, or longer than any that was written here. */
async function readRecord(
  config: ControllerConfig,
  reqid: string,
  account: ReplyAccount,
): Promise<unknown> {
  const share = account.openReply();
  const reader = new JsonReader(longestRecord(config), LONG_TEXT);
  for await (const chunk of readChunks(recordFile(config, reqid))) {
    if (!takes(reader, chunk)) return undefined;
    if (share.hold(reader.held)) continue;
    throw new CtrlExecError(
      "busy",
      `Cannot show run ${reqid}: there is not enough room for its record`,
      {
        hint: "max_replies in ctrl-exec.conf limits what is held at once. Try again later, or read the record itself.",
      },
    );
  }
  return reader.end();
}

function takes(reader: JsonReader, chunk: Uint8Array): boolean {
  try {
    reader.take(chunk);
    return true;
  } catch (thrown) {
    if (thrown instanceof CtrlExecError && thrown.code === "too-large") return false;
    throw thrown;
  }
}

/** Milliseconds since the last write; undefined if there is no such file. */
async function ageOf(file: string, now: Date): Promise<number | undefined> {
  try {
    return now.getTime() - (await stat(file)).mtimeMs;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return undefined;
    throw fileError("storage", "read", file, thrown);
  }
}
