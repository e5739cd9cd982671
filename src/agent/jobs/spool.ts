/** The folders of an agent's jobs: which are kept, and for how long. */
import { join } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { systemCode } from "../../core/errors.ts";
import type { AgentLog } from "../../core/events.ts";
import type { RunEnding } from "../../core/run-event.ts";
import { shortageOf } from "../../core/shortage.ts";
import { Deadline } from "../../system/deadline.ts";
import { fileProblem } from "../../system/files/files.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { JobFacts } from "./job.ts";
import { JobFolder, type JobHead } from "./job-folder.ts";
import { type JobRecord, recordIn } from "./job-records.ts";
import { openJobsFolder } from "./jobs-folder.ts";
import { type KeptJob, KeptJobs } from "./kept-jobs.ts";
import { KnownRuns } from "./known-runs.ts";
import { Holds, type JobKeeper, OpenJob } from "./open-job.ts";

export interface SpoolOptions {
  /** Of all jobs. */
  readonly folder: string;
  /** The limits in force. */
  readonly config: () => AgentConfig;
  readonly now: () => Date;
  readonly log: AgentLog;
}

export class Spool implements JobKeeper {
  readonly holds = new Holds();
  readonly known: KnownRuns;
  readonly #options: SpoolOptions;
  readonly #kept = new KeptJobs();
  /** Of the jobs that are running. */
  #runningBytes = 0;
  /** Whether the folder of all jobs has been read. */
  #isOpen = false;
  #expiry: Deadline | undefined;
  /** The folders whose damage has been logged. */
  readonly #damaged = new Set<string>();

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.known = new KnownRuns(options.folder, options.now);
  }

  /** The disk space that all jobs take. */
  get bytes(): number {
    return this.#kept.bytes + this.#runningBytes;
  }

  folderOf(name: string): JobFolder {
    return new JobFolder(join(this.#options.folder, name));
  }

  /** @throws if it cannot be made, or if the folder of all jobs does not belong to this agent alone (T71) */
  create({ folder, request }: OpenJob, shim: JobHead["shim"]): number {
    const head = { ...request, shim };
    if (this.#isOpen) {
      try {
        return folder.create(head);
      } catch (thrown) {
        if (!["ENOENT", "ENOTDIR"].includes(systemCode(thrown))) throw thrown;
        // Somebody has removed the folder of all jobs, or put something else in its place.
      }
    }
    this.#open();
    return folder.create(head);
  }

  /** Makes the folder of a job again if somebody has removed it while the job was running. @throws as above */
  #createAnew({ folder, request, shim }: OpenJob): void {
    if (shim === undefined) return;
    this.#open();
    folder.createAnew({ ...request, shim });
  }

  #open(): void {
    openJobsFolder(this.#options.folder);
    this.known.note();
    this.#isOpen = true;
  }

  /**
   * Notes that its end was logged. Returns whether its folder says how it ended; if not, only this process knows.
   *
   * @param isWritten whether its end is already there, as far as is known
   */
  noteEnd(job: OpenJob, end: RunEnding, isWritten: boolean): boolean {
    const { folder } = job;
    try {
      folder.add(...(isWritten ? [] : [{ end }]), { logged: true });
      return true;
    } catch (thrown) {
      this.damaged(job, folder.path, thrown);
      this.grew(job.grew(folder.kept));
      try {
        folder.add({ end }, { logged: true });
        return true;
      } catch {
        return false;
      }
    }
  }

  /** If its folder was removed, it is made again, for its end and for the next agent. */
  damaged(job: OpenJob, file: string, thrown: unknown): void {
    if (shortageOf(systemCode(thrown)) !== undefined) return;
    const { folder, request } = job;
    if (job.isOpen && folder.isMissing) tryTo(() => this.#createAnew(job));
    if (this.#damaged.has(folder.path)) return;
    this.#damaged.add(folder.path);
    const { reqid, script } = request;
    const error = `Cannot use ${file}: ${fileProblem(thrown)}`;
    this.#options.log({ event: "run-folder-fail", error, reqid, script });
  }

  /** The folder of all jobs may have been removed: the next run makes it again. */
  doubt(): void {
    this.#isOpen = false;
  }

  has(reqid: string): boolean {
    return this.#kept.get(reqid) !== undefined;
  }

  /** Undefined if there is no such job, or if somebody has removed its folder. */
  find(reqid: string): OpenJob | undefined {
    const kept = this.#kept.get(reqid);
    return kept && this.#jobIn(kept);
  }

  /** Those of this script, or of all scripts, that are lost and may still be running. */
  lostOf(script?: string): OpenJob[] {
    const { lost } = this.#kept;
    const wanted = lost.filter(({ lostScript }) => script === undefined || lostScript === script);
    return wanted.flatMap((kept) => this.#jobIn(kept) ?? []);
  }

  /** Nothing of a lost job is running any more. */
  isOver({ request }: OpenJob): void {
    this.#kept.isOver(request.reqid);
    this.makeRoom();
  }

  /** Newest first. */
  async list(most: number): Promise<readonly JobFacts[]> {
    const facts: JobFacts[] = [];
    await inSlices(this.#kept.all.slice(0, most), (entry) => {
      const job = this.#jobIn(entry);
      if (job !== undefined) facts.push(job.facts);
    });
    return facts;
  }

  /** A running job has grown by this many bytes. */
  grew(bytes: number): void {
    if (bytes === 0) return;
    this.#runningBytes += bytes;
    this.makeRoom();
  }

  /**
   * A running job has ended: it is the newest.
   * @param ended milliseconds since 1970
   * @param isNoted whether its folder says how it ended
   */
  keep(job: OpenJob, ended: number, isNoted: boolean): void {
    this.#runningBytes -= job.keptBytes;
    this.known.watchClock();
    this.#add(job, ended, isNoted);
    this.makeRoom();
  }

  /** The same for one that an earlier agent has kept. */
  restore(job: OpenJob, ended: number): void {
    this.#add(job, ended, true);
  }

  #add(job: OpenJob, ended: number, isNoted: boolean): void {
    const { name, bytes, isLost, request } = job;
    const lostScript = isLost ? request.script : undefined;
    const inMemory = isNoted && !isLost ? undefined : job;
    this.#kept.add({ reqid: request.reqid, name, bytes, ended, lostScript, job: inMemory });
  }

  /** The oldest are removed first; a running job never is. */
  makeRoom(): void {
    const { config, now } = this.#options;
    const { run_spool, run_retention } = config();
    const time = now().getTime();
    const rule = { bytes: run_spool - this.#runningBytes, since: time - run_retention * 1000 };
    const isInUse = ({ name }: KeptJob) => this.holds.has(this.folderOf(name));
    const surplus = this.#kept.takeOut(rule, isInUse);
    void inSlices(surplus, ({ name, ended }) => {
      this.known.forget(ended);
      const folder = this.folderOf(name);
      this.#damaged.delete(folder.path);
      folder.remove();
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

  /** A job as its folder describes it; settled if the folder has its end. */
  jobOf(folder: JobFolder, { head, start, ending }: JobRecord): OpenJob {
    const job = new OpenJob(folder, head, this);
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

  #jobIn({ name, job }: KeptJob): OpenJob | undefined {
    if (job !== undefined) return job;
    const folder = this.folderOf(name);
    const record = recordIn(folder);
    return record?.ending && this.jobOf(folder, record);
  }
}

function tryTo(write: () => void): void {
  try {
    write();
  } catch {
    // The fault is logged all the same.
  }
}
