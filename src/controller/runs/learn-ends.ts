/**
 * Asks the agents how runs ended whose process has gone, and records it, so that every face shows it. This is in
 * addition to what the caller asked for, so it is given little time.
 */
import { CtrlExecError } from "../../core/errors.ts";
import { inParallel } from "../../core/in-parallel.ts";
import type { ReplyAccount } from "../../core/reply-budget.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { runFailed } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { within } from "../../system/deadline.ts";
import { type Controller, openDialler, openReplies } from "../control-host.ts";
import { type FleetDialler, parallelLimit } from "../fleet/fan-out.ts";
import type { ListedHost, RecordedRun } from "../store/ports/runs.ts";
import { askAgain, type HeardRun } from "./ask-again.ts";
import { isUnattended } from "./recorded-run.ts";

/** For all of them together, unless the caller says otherwise. */
const LEARN_MS = 5000;
/** For one agent. */
const CONNECT_SECONDS = 3;
const READ_SECONDS = 4;

const RUNS_AT_ONCE = 8;

const AWAY = "it did not answer a moment ago";

/** A run whose process has gone, and whose agents were asked. */
export interface LearnedRun {
  /** Those about which something is known. */
  readonly hosts: readonly ListedHost[];
  readonly completed: string | null;
  /** Those whose end is not known, because they could not be asked. */
  readonly unheard: readonly string[];
  /** As in its report. */
  readonly waits_for_api?: true;
}

/**
 * Never rejects because of a run: one that cannot be read or asked about stays as it is.
 *
 * @returns what there was time for; null for a run whose process records its results itself
 */
export async function learnEnds(
  controller: Controller,
  reqids: readonly string[],
  mostMs = LEARN_MS,
): Promise<ReadonlyMap<string, LearnedRun | null>> {
  const learned = new Map<string, LearnedRun | null>();
  if (reqids.length === 0) return learned;
  const lesson = new Lesson(controller);
  let isOver = false;
  const work = inParallel(reqids, RUNS_AT_ONCE, async (reqid) => {
    if (isOver) return;
    const run = await lesson.learn(reqid);
    if (run !== undefined && !isOver) learned.set(reqid, run);
  });
  await within(mostMs, work, () => {
    isOver = true;
  });
  return learned;
}

class Lesson {
  readonly #controller: Controller;
  #dialler: FleetDialler | undefined;
  /** Hosts that did not answer: they are not waited for again. */
  readonly #away = new Set<string>();

  constructor(controller: Controller) {
    this.#controller = controller;
  }

  /** Undefined if the run cannot be read, or its hosts cannot be asked about it. */
  async learn(reqid: string): Promise<LearnedRun | null | undefined> {
    using account = openReplies(this.#controller);
    try {
      const found = await this.#controller.store.runs.readOpen(reqid, account);
      if (found === undefined) return undefined;
      if (!isUnattended(found)) return null;
      return learnedOf(await this.#ask(found, account));
    } catch (thrown) {
      if (thrown instanceof CtrlExecError) return undefined;
      throw thrown;
    }
  }

  async #ask(found: RecordedRun, account: ReplyAccount): Promise<HeardRun> {
    const isAway = ({ host }: { readonly host: string }) => this.#away.has(host);
    const away = found.open.filter(isAway).map(({ host }) => [host, AWAY] as const);
    const near = { ...found, open: found.open.filter((each) => !isAway(each)) };
    this.#dialler ??= hurried(await openDialler(this.#controller));
    const { report, unheard } = await askAgain(this.#controller, near, account, this.#dialler);
    for (const host of unheard.keys()) this.#away.add(host);
    return { report, unheard: new Map([...unheard, ...away]) };
  }
}

/** Several runs share what is available for calling agents. */
function hurried(dialler: FleetDialler): FleetDialler {
  const { config } = dialler;
  const connect_timeout = Math.min(config.connect_timeout, CONNECT_SECONDS);
  const read_timeout = Math.min(config.read_timeout, READ_SECONDS);
  const max_parallel = Math.max(1, Math.floor(parallelLimit(config) / RUNS_AT_ONCE));
  return { ...dialler, config: { ...config, connect_timeout, read_timeout, max_parallel } };
}

function learnedOf({ report, unheard }: HeardRun): LearnedRun {
  const hosts = report.results.map(listedHost);
  const { completed, waits_for_api } = report;
  return {
    hosts,
    completed,
    unheard: [...unheard.keys()],
    ...(waits_for_api && { waits_for_api }),
  };
}

function listedHost(result: RunReportSoFar["results"][number]): ListedHost {
  const { host, state, exit, cancelled } = result;
  const isOut = goesOn(state);
  const told = { host, state, exit: isOut ? null : exit, failed: !isOut && runFailed(result) };
  return cancelled === true ? { ...told, cancelled } : told;
}
