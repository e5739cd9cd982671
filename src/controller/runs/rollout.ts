/**
 * A rollout that was accepted: one batch after the other, each a run of its own with the rollout's id and record.
 * From here on there are no errors: any obstacle stops it, and the hosts that were not asked are `not-started`.
 */

import { asCtrlExecError, reasonOf } from "../../core/errors.ts";
import { leftOutResult } from "../../core/left-out.ts";
import { withoutToken } from "../../core/redact.ts";
import { stoppedWhere } from "../../core/rollout.ts";
import { type RunResult, runFailed, withoutResult } from "../../core/run-result.ts";
import { isSendableName } from "../../core/script-name.ts";
import type { RolloutMessage } from "../../core/wire/run-messages.ts";
import { pause } from "../../system/deadline.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import { takeBatchLocks } from "./batch-locks.ts";
import { batchRecord } from "./batch-record.ts";
import { BatchStart } from "./batch-start.ts";
import { failedCheck } from "./check-judgement.ts";
import { logResult } from "./log-result.ts";
import { RejoinedBatch } from "./rejoined-batch.ts";
import { RolloutCheck } from "./rollout-check.ts";
import { RolloutHalt } from "./rollout-halt.ts";
import type { BatchNews } from "./rollout-news.ts";
import type { RolloutParts } from "./rollout-parts.ts";
import { RolloutResults } from "./rollout-results.ts";
import { Run, type RunReport, type RunUnderWay } from "./run.ts";

/**
 * After the rollout was cancelled, hosts that are silent for this long are not waited for: an agent may have stopped.
 */
const LATE_MS = 2000;

export class Rollout implements RunUnderWay {
  readonly reqid: string;
  readonly finished: Promise<RunReport>;
  readonly #host: HostContext;
  readonly #parts: RolloutParts;
  readonly #results: RolloutResults;
  readonly #report = Promise.withResolvers<RunReport>();
  /** Nobody waits for anything any more. */
  readonly #abandoned = new AbortController();
  /** The results may be needed until then. */
  readonly #over: Promise<unknown>;
  readonly #halt: RolloutHalt;
  readonly #start: BatchStart;
  readonly #check: RolloutCheck;
  #asking: RunUnderWay | undefined;
  #isCancelled = false;
  #begun: number;
  /** Some of its hosts were asked, by this process or an earlier one. */
  #isSent: boolean;

  /** @param needed settles when nobody needs the results any more */
  constructor(host: HostContext, parts: RolloutParts, needed?: Promise<unknown>) {
    this.reqid = parts.body.reqid;
    this.finished = this.#report.promise;
    this.#host = host;
    this.#parts = parts;
    this.#begun = parts.before?.begun ?? 0;
    this.#isSent = this.#begun > 0 || parts.isResumed === true;
    this.#results = new RolloutResults(parts);
    this.#over = Promise.allSettled([this.finished, needed]);
    this.#halt = new RolloutHalt(parts.owned, (by) => this.#cancelled(by));
    this.#start = new BatchStart(host.now, parts, this.#halt, (message) => this.#tell(message));
    this.#check = new RolloutCheck(parts, this.#halt, (run) => this.#ask(run));
  }

  begin(): void {
    const hearNoMore = this.#parts.owned.hearWishes((wishes) => this.#halt.hear(wishes));
    void this.#parts.record.takenOver.then(() => this.leave());
    this.#go().then(this.#report.resolve, this.#report.reject).finally(hearNoMore);
  }

  beginNoMore(why: string): void {
    this.#halt.stop(why);
  }

  async abandon(why: string): Promise<void> {
    this.#halt.stop(why);
    this.#abandoned.abort();
    await this.#asking?.abandon(why);
    await this.finished.catch(() => undefined);
  }

  /**
   * So that another process goes on with it: what has begun is recorded as it is, and nothing more is done.
   *
   * @param why undefined if another process has already done so
   */
  async leave(why?: string): Promise<void> {
    this.#halt.leave(why);
    await this.#parts.record.leave();
    await this.abandon(this.#halt.why ?? "");
  }

  /** Whoever has cancelled it ends what is running. @param by may be given again and again */
  #cancelled(by: string): void {
    this.#check.end(by);
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    void pause(LATE_MS, this.#abandoned.signal).then(() => this.#asking?.giveUpUnheard?.());
  }

  #tell(message: RolloutMessage): void {
    this.#parts.record.tell(message);
    this.#parts.onNews({ ...message, reqid: this.reqid });
  }

  async #go(): Promise<RunReport> {
    const { batches, before } = this.#parts;
    try {
      for (const [position, batch] of batches.entries()) {
        const number = position + 1;
        if (number < (before?.begun ?? 0)) continue;
        const hosts = batch.map(({ label }) => label);
        const news = { reqid: this.reqid, batch: number, of: batches.length, hosts };
        const isBegun = number === before?.begun;
        if (!isBegun) {
          await this.#start.prepare(batch, news);
          if (this.#halt.why !== undefined) break;
        }
        await this.#run(batch, news, isBegun);
        if (this.#halt.why === undefined && this.#results.tooManyFailed === undefined) {
          await this.#checkBatch(batch, news, isBegun ? before?.checking : undefined);
        }
      }
    } catch (thrown) {
      this.#halt.stop(reasonOf(asCtrlExecError(thrown)));
    }
    return await this.#end();
  }

  /**
   * @param isBegun an earlier process has asked its hosts: those without a result are asked about the state of the
   * run there
   */
  async #run(batch: readonly ResolvedTarget[], news: BatchNews, isBegun: boolean): Promise<void> {
    const { body, before, watcher, onNews, onResult } = this.#parts;
    if (!isBegun) await this.#leaveOut(this.#results.open(batch));
    const rejoined = isBegun ? new RejoinedBatch(this.#parts, this.#halt) : undefined;
    const gone = await rejoined?.leaveOut(this.#results.open(batch));
    for (const result of gone ?? []) this.#results.keep(result);
    const open = this.#results.open(batch);
    let isEnded = true;
    onNews({ event: "batch", ...news });
    this.#begun = news.batch;
    if (open.length > 0) {
      const dialler = await this.#parts.openDialler();
      const { script, reqid, username } = body;
      const sent = isSendableName(script) ? open : [];
      const order = { targets: sent, script, reqid, username };
      const { locks, free, taken } = await takeBatchLocks(this.#host, order);
      if (!isBegun) for (const [target, error] of taken) this.#refuse(target, error);
      const run = new Run(
        this.#host,
        {
          body,
          targets: isBegun ? open : open.filter((target) => !taken.has(target)),
          sentTo: isBegun ? sent : free,
          rejoin: rejoined?.rejoin(open),
          dialler,
          locks,
          record: batchRecord(this.#parts.record, (result) => this.#results.keep(result)),
          ...watcher,
          batch: this.#isSent ? news.batch : undefined,
        },
        onResult,
      );
      this.#isSent = true;
      this.#asking = run;
      await run.begin(false, this.#over);
      isEnded = (await this.#ask(run)).givenUp !== true;
    }
    if (this.#halt.isLeft) return;
    const results = this.#results.of(batch);
    const failed = results.filter(runFailed).length;
    const wasTold = isBegun && before?.told.findLast(isOfBatch)?.event === "batch-end";
    // Of hosts that run on, nobody knows how they end.
    if (isEnded && !wasTold)
      this.#tell({ event: "batch-end", batch: news.batch, of: news.of, failed });
    // Whoever has cancelled it counts, not that its hosts have failed then.
    await this.#halt.look();
    if (rejoined?.refusal !== undefined) this.#halt.stop(rejoined.refusal);
    this.#judge(results, news);
  }

  /** Somebody has cancelled it on these before their batch began. */
  async #leaveOut(open: readonly ResolvedTarget[]): Promise<void> {
    const leftOut = await this.#parts.owned.leftOut();
    for (const target of open) {
      const cancel = leftOut.get(target.label);
      if (cancel === undefined) continue;
      this.#pass(target, leftOutResult(this.#parts.body, target.label, cancel.by));
    }
  }

  /** The script is already running there. */
  #refuse(target: ResolvedTarget, error: string): void {
    const never = { state: "never-ran", error } as const;
    this.#pass(target, withoutResult(this.#parts.body, target.label, "0ms", never));
  }

  /** Of a host that is not asked. */
  #pass(target: ResolvedTarget, result: RunResult): void {
    logResult(this.#host.log, target, result);
    this.#results.keep(result);
    this.#parts.onResult(result);
  }

  /** @param results of its last batch */
  #judge(results: readonly RunResult[], { batch, of }: BatchNews): void {
    if (results.some(({ cancelled }) => cancelled)) this.#halt.stop("it was cancelled");
    const tooMany = this.#results.tooManyFailed;
    // After the last batch there is nothing to stop.
    if (tooMany !== undefined && batch < of) this.#halt.stop(tooMany);
  }

  /**
   * On the hosts where the script succeeded: the others have been counted.
   *
   * @param known the check's run, if an earlier process may have begun it
   */
  async #checkBatch(
    batch: readonly ResolvedTarget[],
    { batch: number }: BatchNews,
    known: string | undefined,
  ): Promise<void> {
    const checked = await this.#check.run(this.#results.succeeded(batch), known);
    if (checked === undefined) return;
    const { why: _, ...told } = checked;
    this.#tell({ event: "check", batch: number, ...told });
    await this.#halt.look();
    const problem = failedCheck(checked);
    if (problem !== undefined) this.#halt.stop(problem);
  }

  /** Until the run has ended, or nobody waits for anything any more. */
  async #ask(run: RunUnderWay): Promise<RunReport> {
    this.#asking = run;
    if (this.#abandoned.signal.aborted) await run.abandon(this.#halt.why ?? "");
    const report = await run.finished;
    this.#asking = undefined;
    return report;
  }

  async #end(): Promise<RunReport> {
    const { body, targets, batches, owned, record } = this.#parts;
    if (this.#halt.isLeft) {
      await owned.leave();
      return { reqid: this.reqid, results: this.#results.of(targets), recorded: true };
    }
    const where = stoppedWhere(this.#begun, batches.length);
    const stopped = this.#halt.why && withoutToken(`${where}: ${this.#halt.why}`, body.token);
    // A folder that cannot be read must not keep the record from being completed.
    await this.#leaveOut(this.#results.open(targets)).catch(() => undefined);
    const left = this.#results.open(targets);
    const notStarted = { state: "not-started", error: `the rollout stopped ${stopped}` } as const;
    for (const { label } of left) this.#results.keep(withoutResult(body, label, "", notStarted));
    const checking = this.#check.givenUp;
    // A check that has been recorded and has not begun must not be looked for.
    if (this.#check.isUntold && checking === undefined) await record.step({ checking });
    const rollout = {
      ...{ batches: batches.length, begun: this.#begun, not_started: left.length },
      ...(checking !== undefined && { checking }),
    };
    if (stopped !== undefined) {
      const { reqid, script } = body;
      this.#host.log({ event: "rollout-stop", count: left.length, reason: stopped, reqid, script });
      this.#tell({ event: "stopped", reason: stopped, not_started: left.length });
    }
    const recorded = await record.close();
    await owned.end();
    return {
      reqid: this.reqid,
      results: this.#results.of(targets),
      recorded,
      rollout: stopped === undefined ? rollout : { ...rollout, stopped },
    };
  }
}

function isOfBatch({ event }: RolloutMessage): boolean {
  return event === "batch" || event === "batch-end";
}
