/**
 * A rollout that was accepted: one batch after the other, each a run of its own with the rollout's id and record. From
 * here on there are no errors: whatever is in the way stops it, and the hosts that were not asked are `not-started`.
 */
import { asCtrlExecError, inOneLine } from "../../core/errors.ts";
import { hostCount } from "../../core/hosts/fold.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { type RunResult, runFailed, withoutResult } from "../../core/run-result.ts";
import { isSendableName } from "../../core/script-name.ts";
import { pause } from "../../system/deadline.ts";
import type { FleetDialler } from "../fleet/fan-out.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import type { RunRecord } from "../store/ports/runs.ts";
import { takeBatchLocks } from "./batch-locks.ts";
import type { RunWatcher } from "./listener.ts";
import { withoutToken } from "./redact.ts";
import type { BatchNews, RolloutNews } from "./rollout-news.ts";
import { Run, type RunParts, type RunReport, type RunUnderWay } from "./run.ts";

export interface RolloutParts {
  readonly body: RunParts["body"];
  /** In the order in which the hosts were given. */
  readonly targets: readonly ResolvedTarget[];
  readonly batches: readonly (readonly ResolvedTarget[])[];
  /** Seconds between two batches. */
  readonly pause: number;
  /** It stops when more hosts than so many have failed. */
  readonly mayFail: number;
  readonly record: RunRecord;
  readonly watcher: RunWatcher;
  /** For the credential of this host may be replaced while it goes on. */
  readonly openDialler: () => FleetDialler;
  /** Asks the hook for a batch. @throws DeniedError */
  readonly authorize: (batch: readonly ResolvedTarget[]) => Promise<void>;
  /** Begins the check on these hosts; undefined if there is none. */
  readonly beginCheck: ((batch: readonly ResolvedTarget[]) => Promise<RunUnderWay>) | undefined;
  /** Whether a person lets this batch begin; undefined asks nobody. */
  readonly confirm: ((next: BatchNews) => Promise<boolean>) | undefined;
  readonly onNews: (news: RolloutNews) => void;
  readonly onResult: (result: RunResult) => void;
}

export class Rollout implements RunUnderWay {
  readonly reqid: string;
  readonly finished: Promise<RunReport>;
  readonly #host: HostContext;
  readonly #parts: RolloutParts;
  readonly #results = new Map<string, RunResult>();
  readonly #report = Promise.withResolvers<RunReport>();
  readonly #abandoned = new AbortController();
  /** The results may be needed until then. */
  readonly #over: Promise<unknown>;
  #asking: RunUnderWay | undefined;
  #begun = 0;
  /** Why it stops, or has stopped. */
  #why: string | undefined;

  /** @param needed settles when nobody needs the results any more */
  constructor(host: HostContext, parts: RolloutParts, needed?: Promise<unknown>) {
    this.reqid = parts.body.reqid;
    this.finished = this.#report.promise;
    this.#host = host;
    this.#parts = parts;
    this.#over = Promise.allSettled([this.finished, needed]);
  }

  begin(): void {
    this.#go().then(this.#report.resolve, this.#report.reject);
  }

  async abandon(why: string): Promise<void> {
    this.#stop(why);
    this.#abandoned.abort();
    await this.#asking?.abandon(why);
    await this.finished.catch(() => undefined);
  }

  /** The first reason is told. */
  #stop(why: string): void {
    this.#why ??= why;
  }

  async #go(): Promise<RunReport> {
    const { batches } = this.#parts;
    let failed = 0;
    try {
      for (const [position, batch] of batches.entries()) {
        const hosts = batch.map(({ label }) => label);
        const news = { reqid: this.reqid, batch: position + 1, of: batches.length, hosts };
        await this.#prepare(batch, news);
        if (this.#why !== undefined) break;
        const results = await this.#run(batch, news);
        failed += results.filter(runFailed).length;
        this.#judge(results, failed);
        if (this.#why === undefined) await this.#check(batch, news);
        if (this.#why !== undefined) break;
      }
    } catch (thrown) {
      this.#stop(inOneLine(asCtrlExecError(thrown)));
    }
    return await this.#end();
  }

  /** What comes before a batch; nothing of it has begun if there is a reason to stop then. */
  async #prepare(batch: readonly ResolvedTarget[], news: BatchNews): Promise<void> {
    const { confirm, pause: seconds, authorize, record } = this.#parts;
    const { signal } = this.#abandoned;
    if (news.batch > 1) {
      await pause(seconds * 1000, signal);
      if (confirm !== undefined && !signal.aborted && !(await this.#agrees(confirm, news))) {
        this.#stop("it was not confirmed");
      }
    }
    if (this.#why !== undefined) return;
    await authorize(batch);
    if (this.#why !== undefined) return;
    const { batches } = this.#parts;
    const waiting = batches.slice(news.batch).flatMap((each) => each.map(({ label }) => label));
    // Before anything is sent: whatever ends this process, it is known who cannot have run it.
    if (!(await record.beginBatch(waiting))) this.#stop("its record cannot be written");
  }

  async #agrees(confirm: (next: BatchNews) => Promise<boolean>, news: BatchNews): Promise<boolean> {
    const { signal } = this.#abandoned;
    const { promise: gone, resolve } = Promise.withResolvers<false>();
    signal.addEventListener("abort", () => resolve(false), { once: true });
    return await Promise.race([confirm(news), gone]);
  }

  /** @returns its results */
  async #run(batch: readonly ResolvedTarget[], news: BatchNews): Promise<readonly RunResult[]> {
    const { body, watcher, onNews, onResult } = this.#parts;
    const dialler = this.#parts.openDialler();
    const { script, reqid, username } = body;
    const sent = isSendableName(script) ? batch : [];
    const order = { targets: sent, script, reqid, username };
    const { locks, free, taken } = await takeBatchLocks(this.#host, order);
    this.#begun = news.batch;
    onNews({ kind: "batch", ...news });
    for (const [target, error] of taken) this.#refuse(target, error);
    const run = new Run(
      this.#host,
      {
        body,
        targets: batch.filter((target) => !taken.has(target)),
        sentTo: free,
        dialler,
        locks,
        record: this.#partOfRecord(),
        ...watcher,
      },
      onResult,
    );
    this.#asking = run;
    await run.begin(false, this.#over);
    if (this.#abandoned.signal.aborted) await run.abandon(this.#why ?? "");
    await run.finished;
    this.#asking = undefined;
    return batch.flatMap(({ label }) => this.#results.get(label) ?? []);
  }

  /** The script runs there already. */
  #refuse(target: ResolvedTarget, error: string): void {
    const { body, onResult } = this.#parts;
    const { reqid, script } = body;
    const result = withoutResult(body, target.label, "0ms", { state: "never-ran", error });
    const place = formatHostPort(target.name, target.port);
    this.#host.log({ event: "run-fail", error, reqid, script, target: place });
    this.#keep(result);
    onResult(result);
  }

  #keep(result: RunResult): void {
    this.#results.set(result.host, result);
    this.#parts.record.add(result);
  }

  /** The record as the run of a batch sees it: it is complete when the rollout has ended. */
  #partOfRecord(): RunRecord {
    const { record } = this.#parts;
    return {
      stored: Promise.resolve(true),
      output: (host, share) => record.output(host, share),
      add: (result) => this.#keep(result),
      begun: (host, started) => record.begun(host, started),
      beginBatch: (waiting) => record.beginBatch(waiting),
      close: () => Promise.resolve(true),
      discard: () => undefined,
    };
  }

  #judge(results: readonly RunResult[], failed: number): void {
    const { mayFail } = this.#parts;
    if (results.some(({ cancelled }) => cancelled)) this.#stop("it was cancelled");
    if (failed > mayFail) {
      const count = `${hostCount(failed)} failed`;
      this.#stop(mayFail === 0 ? count : `${count}, and at most ${mayFail} may`);
    }
  }

  /** On the hosts where the script went well: the others have been counted. */
  async #check(batch: readonly ResolvedTarget[], { batch: number }: BatchNews): Promise<void> {
    const { beginCheck, onNews } = this.#parts;
    const well = batch.filter(({ label }) => {
      const result = this.#results.get(label);
      return result !== undefined && !runFailed(result);
    });
    if (beginCheck === undefined || well.length === 0) return;
    const check = await beginCheck(well);
    this.#asking = check;
    if (this.#abandoned.signal.aborted) await check.abandon(this.#why ?? "");
    const { results, reqid: own } = await check.finished;
    this.#asking = undefined;
    const failed = results.filter(runFailed).map(({ host }) => host);
    const script = results[0]?.script ?? "";
    onNews({ kind: "check", reqid: this.reqid, batch: number, script, check: own, failed });
    if (failed.length > 0) this.#stop(`its check failed on ${shortList(failed)}`);
  }

  async #end(): Promise<RunReport> {
    const { body, targets, batches, record } = this.#parts;
    const where =
      this.#begun === 0 ? "before batch 1" : `after batch ${this.#begun} of ${batches.length}`;
    const stopped = this.#why && withoutToken(`${where}: ${this.#why}`, body.token);
    let left = 0;
    for (const { label } of targets) {
      if (this.#results.has(label)) continue;
      left += 1;
      const error = `the rollout stopped ${stopped}`;
      this.#keep(withoutResult(body, label, "", { state: "not-started", error }));
    }
    if (stopped !== undefined) {
      const { reqid, script } = body;
      this.#host.log({ event: "rollout-stop", count: left, reason: stopped, reqid, script });
    }
    const recorded = await record.close();
    const results = targets.flatMap(({ label }) => this.#results.get(label) ?? []);
    const rollout = { batches: batches.length, begun: this.#begun, not_started: left };
    return {
      reqid: this.reqid,
      results,
      recorded,
      rollout: stopped === undefined ? rollout : { ...rollout, stopped },
    };
  }
}

const MOST_NAMED = 3;

function shortList(hosts: readonly string[]): string {
  const more = hosts.length - MOST_NAMED;
  return `${hosts.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
