/**
 * What the script of a run has printed on a host: from the run's record and, as long as that has no end, from the
 * agent.
 */
import type { ReplyAccount } from "../../core/reply-budget.ts";
import { NO_OFFSETS, type StreamOffsets } from "../../core/run-event.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { longerPause, pause } from "../../system/deadline.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizeRun, noSuchRun } from "../access/authorize-run.ts";
import { type Controller, openReplies } from "../control-host.ts";
import { ContactWatch } from "../fleet/contact-watch.ts";
import type { OpenHost, RecordedRun } from "../store/ports/runs.ts";
import { AgentsOfRun } from "./agents-of-run.ts";
import { learnEnds } from "./learn-ends.ts";
import type { RunSink } from "./listener.ts";
import { AWAY_MS, type Gap, isAway, type Reading, restIsThere } from "./log-reading.ts";
import { passStored, RecordedOutput } from "./recorded-output.ts";
import { RolloutLog } from "./rollout-log.ts";
import { watchRun } from "./watch-run.ts";
import { knowsNoSuchRun } from "./withdraw.ts";

const QUEUED: Gap = { why: "it has not begun there yet", answered: true, isQueued: true };

const NOT_KNOWN = "its agent does not know this run, or is older than 1.1";

/** The host's result was recorded, and is passed on. */
interface Told {
  readonly gap: Gap | undefined;
}

/** Between two questions to an agent that does not know the run yet. */
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1000;

/** The record is checked again after the longest pause, and after this many times as long as the last check took. */
const LOOK_SHARE = 20;

/**
 * Asks the hook, with the action `read`, and reads the record. The log must be closed.
 *
 * @throws CtrlExecError `denied`, `not-found`, `busy`, or `damaged`
 */
export async function openRunLog(
  controller: Controller,
  caller: Caller,
  reqid: string,
): Promise<RunLog> {
  await authorizeRun(controller, caller, { action: "read", reqid });
  const account = openReplies(controller);
  try {
    const found = await controller.store.runs.readOpen(reqid, account);
    if (found === undefined) throw noSuchRun(reqid);
    return new RunLog(controller, found, account);
  } catch (thrown) {
    account.close();
    throw thrown;
  }
}

export class RunLog {
  /** As it was when the log was opened. */
  readonly report: RunReportSoFar;
  /** Its messages besides those of its hosts, if it is a rollout. */
  readonly rollout: RolloutLog;
  readonly #controller: Controller;
  readonly #found: RecordedRun;
  readonly #account: ReplyAccount;
  readonly #agents: AgentsOfRun;
  readonly #output: RecordedOutput;
  /** An agent has said how it ended there, or that it knows nothing about it. */
  #hasNews = false;
  /** The results of hosts that were left when a rollout stopped: they have no events. */
  readonly #notStarted = new Map<string, RunResult>();

  /** @param account in which the record counts */
  constructor(controller: Controller, found: RecordedRun, account: ReplyAccount) {
    this.report = found.report;
    this.rollout = new RolloutLog(controller, found);
    this.#controller = controller;
    this.#found = found;
    this.#account = account;
    this.#agents = new AgentsOfRun(controller, found.report.reqid, () => {
      this.#hasNews = true;
    });
    this.#output = new RecordedOutput(this.#agents, found.asked);
  }

  /** Whether a process waited for the hosts, when the log was opened. */
  get alive(): boolean {
    return this.#found.alive;
  }

  /** The host's result, if its end is recorded. */
  recorded(host: string): RunResult | undefined {
    return recordedEnd(this.#found, host);
  }

  /** The host's result, if it turned out during the reading that its rollout had stopped. */
  notStarted(host: string): RunResult | undefined {
    return this.#notStarted.get(host);
  }

  /**
   * Passes one host's output to the sink, and its `begin` and `end` if they are known.
   *
   * @param host of the report
   * @returns undefined if nothing is missing, or the signal has ended the reading
   */
  async read(host: string, reading: Reading, onEvent: RunSink): Promise<Gap | undefined> {
    const result = this.recorded(host);
    if (result !== undefined) return await this.#told(result, reading, onEvent);
    const open = this.#found.asked.find((each) => each.host === host);
    if (open === undefined) return { why: NOT_KNOWN, answered: false, isLast: true };
    if (!reading.follow && this.rollout.isQueued(host)) return QUEUED;
    const waited = reading.follow && (await this.rollout.untilBegun(host, reading.signal));
    const looked = waited ? await this.#look(host, reading, onEvent) : undefined;
    if (typeof looked === "object") return looked.gap;
    return await this.#fromAgent(open, reading, onEvent);
  }

  /** Records what the agents have said of the run's end, unless a living process does. */
  async learn(): Promise<void> {
    if (!this.#hasNews) return;
    this.#hasNews = false;
    await learnEnds(this.#controller, [this.report.reqid]);
  }

  close(): void {
    this.#account.close();
  }

  /** A result with its end. */
  async #told(result: RunResult, reading: Reading, onEvent: RunSink): Promise<Gap | undefined> {
    if (result.state === "not-started") this.#notStarted.set(result.host, result);
    return await this.#output.pass(result, reading, onEvent);
  }

  /** A follower waits for an agent that has not been sent the run yet, or is unreachable. */
  async #fromAgent(open: OpenHost, reading: Reading, onEvent: RunSink): Promise<Gap | undefined> {
    const { follow, signal, onContact } = reading;
    const { host } = open;
    using contact = follow ? new ContactWatch((news) => onContact?.(host, news)) : undefined;
    const awayAt = performance.now() + AWAY_MS;
    let { alive } = this.#found;
    let next = reading;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = longerPause(pauseMs, LONGEST_PAUSE_MS)) {
      const followed = await this.#agents.ask(open, next, onEvent, contact);
      if (followed.kind === "ended" || signal.aborted) return undefined;
      if (followed.kind === "out-of-sight") return { why: followed.why, answered: false };
      const { outcome } = followed;
      const away = isAway(outcome);
      if (away && reading.left && next === reading) {
        next = { ...reading, from: await this.#left(host, reading, onEvent) };
      }
      const mayCome = alive || (away && performance.now() < awayAt);
      // It may not have been sent the run yet; older agents do not know the question.
      const knowsRuns = knowsNoSuchRun(outcome);
      if (!follow && alive && knowsRuns && !this.#found.begun.has(host)) return QUEUED;
      if (!follow || !mayCome) {
        this.#hasNews ||= knowsRuns;
        const isLast = outcome.reply?.status === 404 && !knowsRuns;
        const why = outcome.error ?? NOT_KNOWN;
        return {
          why: away && reading.left ? restIsThere(why, next) : why,
          answered: !away,
          isLast,
        };
      }
      if (!away && !knowsRuns) return await this.#whenRecorded(host, reading, onEvent);
      if (away) contact?.broken(outcome.error ?? "", alive ? Number.POSITIVE_INFINITY : awayAt);
      await pause(pauseMs, signal);
      if (pauseMs < LONGEST_PAUSE_MS || signal.aborted) continue;
      const looked = await this.#look(host, reading, onEvent);
      if (typeof looked === "object") return looked.gap;
      alive = looked === "alive";
    }
  }

  /** @returns the offsets of the bytes that are not here */
  async #left(host: string, reading: Reading, onEvent: RunSink): Promise<StreamOffsets> {
    const { report } = this;
    const outputs = await this.#controller.store.runs.leftOutput(report, host);
    const next = { ...(reading.from ?? NO_OFFSETS) };
    const result = { ...withoutResult(report, host, "", { state: "running" }), ...outputs };
    await passStored(result, reading, async (_, event) => {
      // Its `begin` comes from the agent.
      if (event.kind !== "output") return;
      await onEvent(host, event);
      next[event.stream] = event.offset + event.bytes.length;
    });
    return next;
  }

  /** Its agent is older than 1.1: the result comes when the script has ended. */
  async #whenRecorded(host: string, reading: Reading, onEvent: RunSink): Promise<Gap | undefined> {
    const { signal } = reading;
    for await (const { results } of watchRun(this.#controller, this.report.reqid, signal)) {
      const result = results.find((each) => each.host === host && !goesOn(each.state));
      if (result !== undefined) return await this.#told(result, reading, onEvent);
    }
    return undefined;
  }

  /** Checks the record once more: passes the host's result to the sink if it has come. */
  async #look(host: string, reading: Reading, onEvent: RunSink): Promise<Told | "alive" | "over"> {
    const { reqid } = this.report;
    using account = openReplies(this.#controller);
    const began = performance.now();
    const found = await this.#controller.store.runs.readOpen(reqid, account);
    if (found === undefined) throw noSuchRun(reqid);
    const result = recordedEnd(found, host);
    if (result === undefined) {
      await pause(LOOK_SHARE * (performance.now() - began), reading.signal);
      return found.alive ? "alive" : "over";
    }
    return { gap: await this.#told(result, reading, onEvent) };
  }
}

function recordedEnd({ report, open }: RecordedRun, host: string): RunResult | undefined {
  if (open.some((each) => each.host === host)) return undefined;
  return report.results.find((each) => each.host === host && !goesOn(each.state));
}
