/**
 * All jobs of an agent: those that are running, including those under the shim of an earlier agent, and those that
 * are kept.
 */
import { fileProblem } from "../../system/files/files.ts";
import { Cancels } from "./cancels.ts";
import { notStarted } from "./endings.ts";
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
import { JobWatch, type JobWatchOptions } from "./job-watch.ts";
import { jobNamesIn, newJobName } from "./jobs-folder.ts";
import { LostJobs } from "./lost-jobs.ts";
import { OpenJob } from "./open-job.ts";
import { lookAround } from "./recovery.ts";
import { RunningJobs } from "./running-jobs.ts";
import { ShimKeeper } from "./shim-keeper.ts";
import type { ShimProgram } from "./shim-link.ts";
import { Spool, type SpoolOptions } from "./spool.ts";
import { Starts } from "./starts.ts";
import { UnkeptRuns } from "./unkept-runs.ts";

export interface JobTableOptions extends SpoolOptions, JobWatchOptions {
  readonly shim: ShimProgram;
}

/** The most runs that GET /runs names. */
const MAX_LISTED = 1000;

export class JobTable implements Jobs {
  readonly #options: JobTableOptions;
  readonly #running = new RunningJobs();
  readonly #spool: Spool;
  readonly #shim: ShimKeeper;
  readonly #starts = new Starts();
  readonly #cancels = new Cancels(() => this.#running.shims);
  readonly #lost: LostJobs;
  readonly #unkept: UnkeptRuns;
  readonly #watch: JobWatch;
  #toldProblem: string | undefined;

  constructor(options: JobTableOptions) {
    this.#options = options;
    this.#spool = new Spool(options);
    this.#lost = new LostJobs(this.#spool, this.#cancels);
    this.#unkept = new UnkeptRuns(options);
    const parts = {
      ...{ running: this.#running, spool: this.#spool, starts: this.#starts, lost: this.#lost },
      onIdle: () => this.#shim.rest(),
    };
    this.#watch = new JobWatch(options, parts);
    this.#shim = new ShimKeeper(options.shim, this.#watch);
  }

  /** Takes over what an earlier agent has left. Must be called before the first start. */
  async recover(): Promise<void> {
    const { folder, now } = this.#options;
    const { open, cancels } = await lookAround(this.#spool, jobNamesIn(folder), now);
    for (const job of open) this.#watch.adopt(job);
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
    const { reqid, script, args, username, peerIp, hub, lock } = order;
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
      hub,
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
    this.#watch.close();
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
    if (outcome.kind === "started") return;
    this.#watch.endHere(job, notStarted(order.script.path, outcome));
  }

  #tellUnkept(error: string, { reqid, script }: RunOrder): void {
    if (error === this.#toldProblem) return;
    this.#toldProblem = error;
    this.#options.log({ event: "run-unkept", error, reqid, script: script.name });
  }

  /** For all runs that are under way. */
  #facts(): JobFacts[] {
    return [...this.#unkept.facts, ...this.#running.facts];
  }
}
