/**
 * All jobs of an agent: those that are running, including those under the shim of an earlier agent, and those that
 * are kept.
 */
import type { RunEnding } from "../../core/run-event.ts";
import { fileProblem } from "../../system/files/files.ts";
import { removeEmptyCgroups } from "../../system/process/job-cgroup.ts";
import { isRunning, type ProcessId } from "../../system/process/process-id.ts";
import type { RunningScripts } from "../scripts/running-scripts.ts";
import { AdoptedJobs } from "./adopted-jobs.ts";
import { Cancels } from "./cancels.ts";
import { type EndHere, lost, notStarted } from "./endings.ts";
import type {
  BegunRun,
  CancelOutcome,
  Job,
  JobFacts,
  Jobs,
  OrderClaim,
  OrderRefusal,
  RunOrder,
  StartOutcome,
  Withdrawal,
} from "./job.ts";
import { logEnd, logStalled, logStart } from "./job-log.ts";
import { recordIn } from "./job-records.ts";
import { jobNamesIn, newJobName } from "./jobs-folder.ts";
import { LostJobs } from "./lost-jobs.ts";
import { OpenJob } from "./open-job.ts";
import { lookAround } from "./recovery.ts";
import { RunningJobs } from "./running-jobs.ts";
import { ShimKeeper } from "./shim-keeper.ts";
import type { ShimProgram } from "./shim-link.ts";
import type { KeptBytes, ShimMessage } from "./shim-messages.ts";
import { Spool, type SpoolOptions } from "./spool.ts";
import { Starts } from "./starts.ts";
import { UnkeptRuns } from "./unkept-runs.ts";

export interface JobTableOptions extends SpoolOptions {
  readonly shim: ShimProgram;
  readonly running: RunningScripts;
}

/** The most runs that GET /runs names. */
const MAX_LISTED = 1000;

export class JobTable implements Jobs {
  readonly #options: JobTableOptions;
  readonly #running = new RunningJobs();
  readonly #spool: Spool;
  readonly #shim: ShimKeeper;
  readonly #starts = new Starts();
  readonly #adopted = new AdoptedJobs((job) => this.#lookAt(job));
  readonly #cancels = new Cancels(() => this.#running.shims);
  readonly #lost: LostJobs;
  readonly #unkept: UnkeptRuns;
  #toldProblem: string | undefined;

  constructor(options: JobTableOptions) {
    this.#options = options;
    this.#spool = new Spool(options);
    this.#lost = new LostJobs(this.#spool, this.#cancels);
    this.#unkept = new UnkeptRuns(options);
    this.#shim = new ShimKeeper(options.shim, {
      told: (message) => this.#told(message),
      gone: (shim) => this.#gone(shim),
    });
  }

  /** Takes over what an earlier agent has left. Must be called before the first start. */
  async recover(): Promise<void> {
    const { folder, now } = this.#options;
    const { open, cancels } = await lookAround(this.#spool, jobNamesIn(folder), now);
    for (const job of open) this.#adopt(job);
    // The agent that began this request ended before it was done.
    for (const [job, { by, graceMs }] of cancels) void this.#cancels.cancel(job, by, graceMs);
    this.#spool.makeRoom();
    this.#lost.lookLater();
  }

  /** The disk space that all runs take. */
  get spoolBytes(): number {
    return this.#spool.bytes;
  }

  async refusal(claim: OrderClaim): Promise<OrderRefusal | undefined> {
    const [lost] = claim.lock ? await this.#lost.runsOf(claim.script) : [];
    return this.#refusedNow(claim, lost);
  }

  async start(order: RunOrder): Promise<StartOutcome> {
    const { reqid, script, args, username, peerIp, lock } = order;
    const claim = { reqid, script: script.name, lock };
    const [lost] = lock ? await this.#lost.runsOf(script.name) : [];
    // Nothing is awaited from here until it is among the running.
    const refused = this.#refusedNow(claim, lost);
    if (refused !== undefined) return refused;
    const asked = this.#options.now();
    const request = {
      reqid,
      script: script.name,
      args,
      username,
      peer_ip: peerIp,
      asked: asked.toISOString(),
    };
    const job = new OpenJob(this.#spool.folderOf(newJobName()), request, this.#spool);
    // From now on, no other run can take its place.
    this.#running.add(job);
    const letGo = job.hold();
    const done = this.#starts.begin(job.name);
    try {
      await this.#launch(job, order, asked);
      return { kind: "started", job, letGo };
    } catch (thrown) {
      this.#spool.doubt();
      this.#running.remove(job);
      letGo();
      job.folder.remove();
      // It may run all the same, but nobody can come back to it.
      this.#spool.known.forget(asked.getTime());
      const problem = `Cannot keep runs in ${this.#options.folder}: ${fileProblem(thrown)}`;
      return { kind: "no-room", problem };
    } finally {
      done();
    }
  }

  async startUnkept(order: RunOrder, problem?: string): Promise<BegunRun> {
    if (problem !== undefined) this.#tellUnkept(problem, order);
    return await this.#unkept.startUnkept(order);
  }

  running(reqid: string): JobFacts | undefined {
    return this.#running.find(reqid)?.facts ?? this.#unkept.running(reqid);
  }

  find(reqid: string): Job | undefined {
    return this.#running.find(reqid) ?? this.#spool.find(reqid);
  }

  async cancel(reqid: string, by: string, graceMs: number): Promise<CancelOutcome | undefined> {
    const job = this.#running.find(reqid);
    if (job === undefined) {
      const other = await this.#unkept.cancel(reqid, by, graceMs);
      return other ?? (await this.#lost.cancel(reqid, by, graceMs));
    }
    // While its shim is starting the script, the shim's own process has the mark of the job.
    if (await this.#starts.isStuck(job.name)) {
      return { script: job.request.script, ended: false, left: 1, reason: "it is being started" };
    }
    if (this.#running.get(job.name) === undefined)
      return await this.#unkept.cancel(reqid, by, graceMs);
    return await this.#cancels.cancel(job, by, graceMs);
  }

  withdraw(reqid: string, by: string): Withdrawal {
    if (this.running(reqid) !== undefined || this.find(reqid) !== undefined) {
      return { kind: "known" };
    }
    const { known } = this.#spool;
    const problem = known.withdraw(reqid, by);
    if (problem !== undefined) return { kind: "unnoted", problem };
    // Somebody may have removed its folder.
    return { kind: "withdrawn", knownMs: this.#spool.has(reqid) ? 0 : known.sinceMs };
  }

  knownMs(reqid: string): number {
    const { known } = this.#spool;
    return this.#spool.has(reqid) || known.withdrawnBy(reqid) !== undefined ? 0 : known.sinceMs;
  }

  async lostRuns(script: string): Promise<readonly string[]> {
    return await this.#lost.runsOf(script);
  }

  async list(): Promise<readonly JobFacts[]> {
    const kept = await this.#spool.list(MAX_LISTED);
    return [...this.#facts().reverse(), ...kept].slice(0, MAX_LISTED);
  }

  /** Jobs go on; the next agent takes them over. */
  close(): void {
    this.#spool.close();
    this.#lost.close();
    this.#adopted.close();
    this.#shim.close();
  }

  /** @param lost the reqid of a lost run of the script that goes on */
  #refusedNow(
    { reqid, script, lock }: OrderClaim,
    lost: string | undefined,
  ): OrderRefusal | undefined {
    const running = this.#facts();
    const isUsed = running.some((run) => run.reqid === reqid) || this.#spool.has(reqid);
    if (isUsed) return { kind: "used" };
    const by = this.#spool.known.withdrawnBy(reqid);
    if (by !== undefined) return { kind: "withdrawn", by };
    const other = lock ? running.find((run) => run.script === script)?.reqid : undefined;
    const holder = lost ?? other;
    return holder === undefined ? undefined : { kind: "busy", reqid: holder };
  }

  /** @throws if there is no shim or no folder: nothing has run */
  async #launch(job: OpenJob, order: RunOrder, asked: Date): Promise<void> {
    const config = this.#options.config();
    const shim = await this.#shim.open();
    job.shim = shim.id;
    job.linesLength = this.#spool.create(job, shim.id);
    const room = config.run_spool - this.#running.bytesBeside(shim.id);
    const outcome = await this.#starts.launch(job, order, shim, config, { asked, room });
    if (outcome.kind === "not-started") this.#endHere(job, notStarted(order.script.path, outcome));
  }

  #tellUnkept(error: string, { reqid, script }: RunOrder): void {
    if (error === this.#toldProblem) return;
    this.#toldProblem = error;
    this.#options.log({ event: "run-unkept", error, reqid, script: script.name });
  }

  #told(message: ShimMessage): void {
    if (message.kind === "ready") return;
    const job = this.#running.get(message.job);
    if (job === undefined) return;
    switch (message.kind) {
      case "started":
        job.begins(message.started);
        logStart(this.#options.log, job.request);
        this.#starts.answer(job.name, { kind: "started" });
        break;
      case "not-started":
        this.#starts.answer(job.name, message);
        break;
      case "stalled":
        logStalled(this.#options.log, job.request, message.bytes);
        break;
      case "grew":
        this.#grew(job, message.kept);
        break;
      case "ended":
        this.#grew(job, message.kept);
        this.#end(job, job.told(message.ending), message.unwritten !== true);
        break;
    }
  }

  #gone(shim: ProcessId): void {
    for (const job of this.#running.all) if (job.shim?.pid === shim.pid) this.#lookAt(job);
  }

  /** A shim that has ended has written everything that it will. */
  #lookAt(job: OpenJob): void {
    const { folder, shim } = job;
    const goesOn = shim !== undefined && isRunning(shim);
    const record = recordIn(folder);
    const { start, ending } = record ?? {};
    if (record === undefined && folder.isMissing) {
      this.#spool.damaged(job, folder.path, Object.assign(new Error(), { code: "ENOENT" }));
    }
    if (job.started === undefined && start !== undefined) job.begins(start.started);
    this.#grew(job, folder.kept);
    if (ending !== undefined) this.#end(job, job.told(ending), true);
    else if (!goesOn) this.#endHere(job, lost(shim, job.started !== undefined));
    else return;
    this.#starts.answer(job.name, { kind: "started" });
  }

  #grew(job: OpenJob, kept: KeptBytes): void {
    this.#spool.grew(job.grew(kept));
  }

  /** An end that was not written by a shim. */
  #endHere(job: OpenJob, end: EndHere): void {
    const ending: RunEnding = {
      ...end,
      started: job.started ?? "",
      ended: this.#options.now().toISOString(),
      stdout_bytes: job.kept("stdout"),
      stderr_bytes: job.kept("stderr"),
    };
    this.#end(job, ending, false);
  }

  /** @param isWritten whether the end is in its folder, as far as is known */
  #end(job: OpenJob, ending: RunEnding, isWritten: boolean): void {
    logEnd(this.#options.log, job.request, ending);
    const isNoted = this.#spool.noteEnd(job, ending, isWritten);
    job.end(ending);
    this.#running.remove(job);
    this.#adopted.remove(job);
    this.#spool.keep(job, this.#options.now().getTime(), isNoted);
    if (job.isLost) this.#lost.lookLater();
    job.settle(ending);
    if (this.#running.size > 0) return;
    this.#shim.rest();
    removeEmptyCgroups();
  }

  #adopt(job: OpenJob): void {
    const release = this.#options.running.takeScript(job.request.script, undefined);
    if (release !== undefined) void job.ended.then(release);
    this.#running.add(job);
    this.#spool.grew(job.keptBytes);
    this.#adopted.add(job);
    this.#lookAt(job);
  }

  /** For all runs that are under way. */
  #facts(): JobFacts[] {
    return [...this.#unkept.facts, ...this.#running.facts];
  }
}
