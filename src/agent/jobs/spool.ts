/** The folders of an agent's jobs: which are kept, and for how long. */
import { join } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { Deadline } from "../../system/deadline.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { JobFacts } from "./job.ts";
import { JobFolder, type JobHead } from "./job-folder.ts";
import { type JobRecord, recordIn } from "./job-records.ts";
import { openJobsFolder } from "./jobs-folder.ts";
import { type KeptJob, KeptJobs } from "./kept-jobs.ts";
import { KnownRuns } from "./known-runs.ts";
import { Holds, OpenJob } from "./open-job.ts";

export interface SpoolOptions {
  /** Of all jobs. */
  readonly folder: string;
  /** That in force. */
  readonly config: () => AgentConfig;
  readonly now: () => Date;
}

export class Spool {
  readonly holds = new Holds();
  readonly known: KnownRuns;
  readonly #options: SpoolOptions;
  readonly #kept = new KeptJobs();
  /** Of the jobs that run. */
  #runningBytes = 0;
  /** The folder of all jobs has been looked at. */
  #isOpen = false;
  #expiry: Deadline | undefined;

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.known = new KnownRuns(options.folder, options.now);
  }

  folderOf(name: string): JobFolder {
    return new JobFolder(join(this.#options.folder, name));
  }

  /** @throws if it cannot be made, or the folder of all jobs is not this agent's alone (T71) */
  create({ folder, request }: OpenJob, shim: JobHead["shim"]): number {
    if (!this.#isOpen) {
      openJobsFolder(this.#options.folder);
      this.known.note();
    }
    this.#isOpen = true;
    return folder.create({ ...request, shim });
  }

  /** The folder of all jobs may have been removed: the next run makes it again. */
  doubt(): void {
    this.#isOpen = false;
  }

  has(reqid: string): boolean {
    return this.#kept.get(reqid) !== undefined;
  }

  /** Undefined if there is none, or somebody has removed its folder. */
  find(reqid: string): OpenJob | undefined {
    const kept = this.#kept.get(reqid);
    return kept && this.#open(kept);
  }

  /** Of this script, those that are lost and may still run. */
  lostOf(script: string): OpenJob[] {
    const lost = this.#kept.all.filter(({ lostScript }) => lostScript === script);
    return lost.flatMap((kept) => this.#open(kept) ?? []);
  }

  /** The newest first. */
  async list(most: number): Promise<readonly JobFacts[]> {
    const facts: JobFacts[] = [];
    await inSlices(this.#kept.all.slice(0, most), (entry) => {
      const job = this.#open(entry);
      if (job !== undefined) facts.push(job.facts);
    });
    return facts;
  }

  /** One that runs has so many bytes more. */
  grew(bytes: number): void {
    if (bytes === 0) return;
    this.#runningBytes += bytes;
    this.makeRoom();
  }

  /** One that ran has ended: it is the newest. @param ended milliseconds since 1970 */
  keep(job: OpenJob, ended: number): void {
    this.#runningBytes -= job.keptBytes;
    this.known.watchClock();
    this.restore(job, ended);
    this.makeRoom();
  }

  /** The same for one that an earlier agent has kept. */
  restore({ name, bytes, isLost, request }: OpenJob, ended: number): void {
    const lostScript = isLost ? request.script : undefined;
    this.#kept.add({ reqid: request.reqid, name, bytes, ended, lostScript });
  }

  /** The oldest go first; a running one never. */
  makeRoom(): void {
    const { config, now } = this.#options;
    const { run_spool, run_retention } = config();
    const time = now().getTime();
    const rule = { bytes: run_spool - this.#runningBytes, since: time - run_retention * 1000 };
    const isInUse = ({ name }: KeptJob) => this.holds.has(this.folderOf(name));
    const surplus = this.#kept.takeOut(rule, isInUse);
    void inSlices(surplus, ({ name, ended }) => {
      this.known.forget(ended);
      this.folderOf(name).remove();
    });
    const { oldest } = this.#kept;
    if (oldest === undefined || this.#expiry !== undefined) return;
    const expires = oldest.ended + run_retention * 1000 - time;
    this.#expiry = new Deadline(Math.max(expires, 1000), () => {
      this.#expiry = undefined;
      this.makeRoom();
    });
  }

  close(): void {
    this.#expiry?.stop();
  }

  /** A job as its folder has it; settled if that has its end. */
  jobOf(folder: JobFolder, { head, start, ending }: JobRecord): OpenJob {
    const job = new OpenJob(folder, head, this.holds);
    job.shim = head.shim;
    job.linesLength = folder.linesLength;
    if (start !== undefined) job.begins(start.started);
    job.grew(folder.kept);
    if (ending !== undefined) {
      job.end(ending);
      job.settle(ending);
    }
    return job;
  }

  #open({ name }: KeptJob): OpenJob | undefined {
    const folder = this.folderOf(name);
    const record = recordIn(folder);
    return record?.ending && this.jobOf(folder, record);
  }
}
