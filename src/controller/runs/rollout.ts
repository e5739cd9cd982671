/**
 * A rollout that was accepted: one batch after the other, each a run of its own with the rollout's id and record. From
 * here on there are no errors: whatever is in the way stops it, and the hosts that were not asked are `not-started`.
 */
import { asCtrlExecError, inOneLine } from "../../core/errors.ts";
import { hostCount, namedHosts } from "../../core/hosts/fold.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { newRequestId } from "../../core/request-id.ts";
import { type RunResult, runFailed, withoutResult } from "../../core/run-result.ts";
import { isSendableName } from "../../core/script-name.ts";
import type { RolloutMessage } from "../../core/wire/run-messages.ts";
import { pause } from "../../system/deadline.ts";
import type { FleetDialler } from "../fleet/fan-out.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import type { OwnedRollout } from "../store/ports/rollouts.ts";
import type { RunRecord } from "../store/ports/runs.ts";
import { takeBatchLocks } from "./batch-locks.ts";
import type { RunWatcher } from "./listener.ts";
import { withoutToken } from "./redact.ts";
import type { MaySend, Rejoin } from "./rejoin.ts";
import { RolloutHalt } from "./rollout-halt.ts";
import type { BatchNews, RolloutNews } from "./rollout-news.ts";
import { Run, type RunParts, type RunReport, type RunUnderWay } from "./run.ts";

export interface RolloutParts {
  readonly body: RunParts["body"];
  /** In the order in which the hosts were given. */
  readonly targets: readonly ResolvedTarget[];
  readonly batches: readonly (readonly ResolvedTarget[])[];
  /** What an earlier process has left to go on with. */
  readonly before?: RolloutBefore | undefined;
  /** Seconds between two batches. */
  readonly pause: number;
  /** It stops when more hosts than so many have failed. */
  readonly mayFail: number;
  readonly owned: OwnedRollout;
  readonly record: RunRecord;
  readonly watcher: RunWatcher;
  /** For the credential of this host may be replaced while it goes on. */
  readonly openDialler: () => FleetDialler;
  /** Asks the hook for a batch. @throws DeniedError */
  readonly authorize: (batch: readonly ResolvedTarget[]) => Promise<void>;
  /** Those that were registered when it began, and are not any more. */
  readonly unregistered: (hosts: readonly ResolvedTarget[]) => Promise<readonly ResolvedTarget[]>;
  /** The check on these hosts, as a run with this id; undefined if there is none. */
  readonly check:
    | ((batch: readonly ResolvedTarget[], reqid: string) => Promise<RunUnderWay>)
    | undefined;
  /** Ends a check that is under way, when somebody cancels the rollout. Never rejects. */
  readonly endCheck: (reqid: string, by: string) => Promise<void>;
  /** Whether a person lets this batch begin; undefined asks nobody. */
  readonly confirm: ((next: BatchNews) => Promise<boolean>) | undefined;
  readonly onNews: (news: RolloutNews) => void;
  readonly onResult: (result: RunResult) => void;
}

export interface RolloutBefore {
  /** When its record began. */
  readonly started: Date;
  /** How many batches have begun. The hosts of the last one may be under way. */
  readonly begun: number;
  /** The results that are recorded. */
  readonly results: readonly RunResult[];
  /** What was told of it. */
  readonly told: readonly RolloutMessage[];
  /** The run of the last one's check, if that may have begun. */
  readonly checking: string | undefined;
}

/** Another process goes on with it, or has done so already. */
const LEFT = "another process goes on with it";

export class Rollout implements RunUnderWay {
  readonly reqid: string;
  readonly finished: Promise<RunReport>;
  readonly #host: HostContext;
  readonly #parts: RolloutParts;
  readonly #results = new Map<string, RunResult>();
  readonly #report = Promise.withResolvers<RunReport>();
  /** Nobody waits for anything any more. */
  readonly #abandoned = new AbortController();
  /** The results may be needed until then. */
  readonly #over: Promise<unknown>;
  readonly #halt = new RolloutHalt((by) => this.#endCheck(by));
  #asking: RunUnderWay | undefined;
  /** The check that is under way. */
  #checking: string | undefined;
  #begun: number;
  /** Why hosts of the batch that was rejoined were not sent the script. */
  #refusal: string | undefined;
  /** Nothing of it is ours any more. */
  #isLeft = false;

  /** @param needed settles when nobody needs the results any more */
  constructor(host: HostContext, parts: RolloutParts, needed?: Promise<unknown>) {
    this.reqid = parts.body.reqid;
    this.finished = this.#report.promise;
    this.#host = host;
    this.#parts = parts;
    this.#begun = parts.before?.begun ?? 0;
    for (const result of parts.before?.results ?? []) this.#results.set(result.host, result);
    this.#over = Promise.allSettled([this.finished, needed]);
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

  /** For another process to go on with it: what has begun is recorded as it is, and nothing more is done. */
  async leave(): Promise<void> {
    this.#isLeft = true;
    this.#halt.stop(LEFT);
    await this.#parts.record.leave();
    await this.abandon(LEFT);
  }

  #tell(message: RolloutMessage): void {
    this.#parts.record.tell(message);
    this.#parts.onNews({ ...message, reqid: this.reqid });
  }

  #endCheck(by: string): void {
    if (this.#checking !== undefined) void this.#parts.endCheck(this.#checking, by);
    this.#checking = undefined;
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
        if (!isBegun) await this.#prepare(batch, news);
        if (this.#halt.why !== undefined && !isBegun) break;
        await this.#run(batch, news, isBegun);
        if (this.#halt.why === undefined && !this.#hasTooMany())
          await this.#check(batch, news, isBegun);
        if (this.#halt.why !== undefined) break;
      }
    } catch (thrown) {
      this.#halt.stop(inOneLine(asCtrlExecError(thrown)));
    }
    return await this.#end();
  }

  /** What comes before a batch; nothing of it has begun if there is a reason to stop then. */
  async #prepare(batch: readonly ResolvedTarget[], news: BatchNews): Promise<void> {
    const { batches, confirm, pause: seconds, authorize, owned, record } = this.#parts;
    const { signal } = this.#halt;
    if (news.batch > 1) await pause(seconds * 1000, signal);
    this.#halt.hear(await owned.wishes());
    await this.#whilePaused(news);
    if (news.batch > 1 && confirm !== undefined && this.#halt.why === undefined) {
      if ((await this.#halt.orStopped(confirm(news))) !== true)
        this.#halt.stop("it was not confirmed");
    }
    if (this.#halt.why !== undefined) return;
    await authorize(batch);
    if (this.#halt.why !== undefined) return;
    const waiting = batches.slice(news.batch).flatMap((each) => each.map(({ label }) => label));
    const { reqid: _, ...begins } = news;
    record.tell({ event: "batch", ...begins });
    // Before anything is sent: whatever ends this process, it is known who cannot have run it.
    const noted = await record.step({ waiting, begun: news.batch, checking: undefined });
    if (noted === "taken-over") this.#isLeft = true;
    if (noted === "not-noted") this.#halt.stop("its record cannot be written");
    if (noted !== "noted") return this.#halt.stop(LEFT);
    // Whoever cancels it wishes so first and reads the record then: one of the two sees the other.
    this.#halt.hear(await owned.wishes());
  }

  async #whilePaused({ batch, of }: BatchNews): Promise<void> {
    const isOver = await this.#halt.whilePaused(({ by }) => {
      this.#tell({ event: "paused", batch, of, by });
    });
    if (isOver) this.#tell({ event: "continued", batch, of });
  }

  /** @param isBegun an earlier process has asked its hosts: those without a result are asked how it goes there */
  async #run(batch: readonly ResolvedTarget[], news: BatchNews, isBegun: boolean): Promise<void> {
    const { body, before, watcher, onNews, onResult } = this.#parts;
    if (isBegun) await this.#leaveOutUnregistered(batch);
    const open = batch.filter(({ label }) => !this.#results.has(label));
    if (!isBegun) onNews({ event: "batch", ...news });
    this.#begun = news.batch;
    if (open.length > 0) {
      const dialler = this.#parts.openDialler();
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
          rejoin: isBegun ? this.#rejoin(open) : undefined,
          dialler,
          locks,
          record: this.#partOfRecord(),
          ...watcher,
        },
        onResult,
      );
      this.#asking = run;
      await run.begin(false, this.#over);
      if (this.#abandoned.signal.aborted) await run.abandon(this.#halt.why ?? "");
      await run.finished;
      this.#asking = undefined;
    }
    if (this.#isLeft) return;
    const results = batch.flatMap(({ label }) => this.#results.get(label) ?? []);
    const failed = results.filter(runFailed).length;
    const wasTold = isBegun && before?.told.findLast(isOfBatch)?.event === "batch-end";
    if (!wasTold) this.#tell({ event: "batch-end", batch: news.batch, of: news.of, failed });
    // Whoever has cancelled it counts, not that its hosts have failed then.
    this.#halt.hear(await this.#parts.owned.wishes());
    if (this.#refusal !== undefined) this.#halt.stop(this.#refusal);
    this.#judge(results, news);
  }

  /** The hook and the registry are asked again, once, of the hosts of which an earlier process has recorded no end. */
  #rejoin(open: readonly ResolvedTarget[]): Rejoin {
    const { before, authorize, owned } = this.#parts;
    let asked: Promise<void> | undefined;
    const maySend = async (): Promise<MaySend> => {
      asked ??= authorize(open).catch((thrown) => {
        this.#refusal ??= inOneLine(asCtrlExecError(thrown));
      });
      await asked;
      this.#halt.hear(await owned.wishes());
      if (this.#isLeft) return "leave";
      const refused = this.#refusal ?? this.#halt.why;
      return refused === undefined ? "send" : { refused };
    };
    return { begun: before?.started ?? new Date(0), maySend, signal: this.#halt.signal };
  }

  /** Nothing is sent there any more, and so nobody can say whether an earlier process has sent the script. */
  async #leaveOutUnregistered(batch: readonly ResolvedTarget[]): Promise<void> {
    const open = batch.filter(({ label }) => !this.#results.has(label));
    // Where this cannot be read, nothing is sent either: that is asked again before.
    const gone = await this.#parts.unregistered(open).catch(() => []);
    if (gone.length === 0) return;
    this.#refusal = noLongerRegistered(gone);
    for (const { label } of gone) this.#keep(withoutResult(this.#parts.body, label, "", NOT_ASKED));
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
      step: (step) => record.step(step),
      tell: (message) => record.tell(message),
      takenOver: record.takenOver,
      close: () => Promise.resolve(true),
      discard: () => undefined,
      leave: () => Promise.resolve(),
    };
  }

  /** @param results of its last batch */
  #judge(results: readonly RunResult[], { batch, of }: BatchNews): void {
    const { mayFail } = this.#parts;
    const failed = this.#failed();
    if (results.some(({ cancelled }) => cancelled)) this.#halt.stop("it was cancelled");
    // Behind the last batch there is nothing to stop.
    if (failed > mayFail && batch < of) {
      const count = `${hostCount(failed)} failed`;
      this.#halt.stop(mayFail === 0 ? count : `${count}, and at most ${mayFail} may`);
    }
  }

  #failed(): number {
    return [...this.#results.values()].filter(runFailed).length;
  }

  #hasTooMany(): boolean {
    return this.#failed() > this.#parts.mayFail;
  }

  /** On the hosts where the script went well: the others have been counted. */
  async #check(
    batch: readonly ResolvedTarget[],
    { batch: number }: BatchNews,
    isBegun: boolean,
  ): Promise<void> {
    const { before } = this.#parts;
    const well = batch.filter(({ label }) => {
      const result = this.#results.get(label);
      return result !== undefined && !runFailed(result);
    });
    if (this.#parts.check === undefined || well.length === 0) return;
    const known = isBegun ? before?.checking : undefined;
    let own = known ?? newRequestId();
    let results = await this.#checkOn(well, own);
    const neverRan = ({ label }: ResolvedTarget) =>
      results?.some(({ host, state }) => host === label && state === "never-ran");
    const unasked = known === undefined ? [] : well.filter(neverRan);
    if (results !== undefined && unasked.length > 0) {
      // An earlier process may have ended before it asked them. The agents take each id once.
      own = newRequestId();
      const asked = new Set(unasked.map(({ label }) => label));
      const again = await this.#checkOn(unasked, own);
      results = again && [...results.filter(({ host }) => !asked.has(host)), ...again];
    }
    if (results === undefined) return;
    const failed = results.filter(runFailed);
    const names = failed.map(({ host }) => host);
    const { script = "", reqid = own } = failed[0] ?? { script: results[0]?.script };
    this.#tell({ event: "check", batch: number, script, check: reqid, failed: names });
    this.#halt.hear(await this.#parts.owned.wishes());
    if (names.length > 0) this.#halt.stop(`its check failed on ${shortList(names)}`);
  }

  /** Undefined if the rollout stops, or is another process's, before it has ended. */
  async #checkOn(
    well: readonly ResolvedTarget[],
    own: string,
  ): Promise<readonly RunResult[] | undefined> {
    const { check: begin, record } = this.#parts;
    if (begin === undefined) return undefined;
    // Whoever cancels the rollout ends its check too, and another process goes on with it.
    if ((await record.step({ checking: own })) === "taken-over") this.#isLeft = true;
    this.#halt.hear(await this.#parts.owned.wishes());
    if (this.#halt.why !== undefined || this.#isLeft) return undefined;
    const check = await begin(well, own);
    this.#asking = check;
    this.#checking = own;
    this.#halt.hear(await this.#parts.owned.wishes());
    if (this.#abandoned.signal.aborted) await check.abandon(this.#halt.why ?? "");
    const { results } = await check.finished;
    this.#asking = undefined;
    this.#checking = undefined;
    return this.#isLeft ? undefined : results;
  }

  async #end(): Promise<RunReport> {
    const { body, targets, batches, owned, record } = this.#parts;
    if (this.#isLeft) {
      await owned.leave();
      return { reqid: this.reqid, results: this.#told(), recorded: true };
    }
    const where =
      this.#begun === 0 ? "before batch 1" : `after batch ${this.#begun} of ${batches.length}`;
    const stopped = this.#halt.why && withoutToken(`${where}: ${this.#halt.why}`, body.token);
    let left = 0;
    for (const { label } of targets) {
      if (this.#results.has(label)) continue;
      left += 1;
      const error = `the rollout stopped ${stopped}`;
      this.#keep(withoutResult(body, label, "", { state: "not-started", error }));
    }
    const rollout = { batches: batches.length, begun: this.#begun, not_started: left };
    if (stopped !== undefined) {
      const { reqid, script } = body;
      this.#host.log({ event: "rollout-stop", count: left, reason: stopped, reqid, script });
      this.#tell({ event: "stopped", reason: stopped, not_started: left });
    }
    const recorded = await record.close();
    await owned.end();
    return {
      reqid: this.reqid,
      results: this.#told(),
      recorded,
      rollout: stopped === undefined ? rollout : { ...rollout, stopped },
    };
  }

  #told(): readonly RunResult[] {
    return this.#parts.targets.flatMap(({ label }) => this.#results.get(label) ?? []);
  }
}

const NOT_ASKED = {
  state: "unknown",
  error: "it is no longer registered, and is not asked: the script may have run",
} as const;

export function noLongerRegistered(gone: readonly ResolvedTarget[]): string {
  return `no longer registered: ${namedHosts(gone.map(({ label }) => label))}`;
}

function isOfBatch({ event }: RolloutMessage): boolean {
  return event === "batch" || event === "batch-end";
}

const MOST_NAMED = 3;

function shortList(hosts: readonly string[]): string {
  const more = hosts.length - MOST_NAMED;
  return `${hosts.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
