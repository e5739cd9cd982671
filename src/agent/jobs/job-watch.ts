/**
 * What becomes of the jobs that are running, until they have ended: their shim reports it, or, if it is an earlier
 * agent's or was killed, their folders say it.
 */
import type { RunEnding } from "../../core/run-event.ts";
import { removeEmptyCgroups } from "../../system/process/job-cgroup.ts";
import { isRunning, type ProcessId } from "../../system/process/process-id.ts";
import type { RunningScripts } from "../scripts/running-scripts.ts";
import { AdoptedJobs } from "./adopted-jobs.ts";
import { type EndHere, lost } from "./endings.ts";
import { logEnd, logStalled, logStart } from "./job-log.ts";
import { recordIn } from "./job-records.ts";
import type { LostJobs } from "./lost-jobs.ts";
import type { OpenJob } from "./open-job.ts";
import type { RunningJobs } from "./running-jobs.ts";
import type { ShimListener } from "./shim-link.ts";
import type { KeptBytes, ShimMessage } from "./shim-messages.ts";
import type { Spool, SpoolOptions } from "./spool.ts";
import type { Starts } from "./starts.ts";

export interface JobWatchOptions extends Pick<SpoolOptions, "log" | "now"> {
  readonly running: RunningScripts;
}

/** Who is told what becomes of a job. */
interface Parts {
  readonly running: RunningJobs;
  readonly spool: Spool;
  readonly starts: Starts;
  readonly lost: LostJobs;
  /** Called when the last job that was running has ended. */
  readonly onIdle: () => void;
}

export class JobWatch implements ShimListener {
  readonly #options: JobWatchOptions;
  readonly #running: RunningJobs;
  readonly #spool: Spool;
  readonly #starts: Starts;
  readonly #lost: LostJobs;
  readonly #onIdle: () => void;
  readonly #adopted = new AdoptedJobs((job) => this.#lookAt(job));

  constructor(options: JobWatchOptions, { running, spool, starts, lost, onIdle }: Parts) {
    this.#options = options;
    this.#running = running;
    this.#spool = spool;
    this.#starts = starts;
    this.#lost = lost;
    this.#onIdle = onIdle;
  }

  /** A job that an earlier agent has started, and whose end has not been logged. */
  adopt(job: OpenJob): void {
    const release = this.#options.running.takeScript(job.request.script, undefined);
    if (release !== undefined) void job.ended.then(release);
    this.#running.add(job);
    this.#spool.grew(job.keptBytes);
    this.#adopted.add(job);
    this.#lookAt(job);
  }

  told(message: ShimMessage): void {
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

  gone(shim: ProcessId): void {
    for (const job of this.#running.all) if (job.shim?.pid === shim.pid) this.#lookAt(job);
  }

  /** An end that was not written by a shim. */
  endHere(job: OpenJob, end: EndHere): void {
    const ending: RunEnding = {
      ...end,
      started: job.started ?? "",
      ended: this.#options.now().toISOString(),
      stdout_bytes: job.kept("stdout"),
      stderr_bytes: job.kept("stderr"),
    };
    this.#end(job, ending, false);
  }

  close(): void {
    this.#adopted.close();
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
    else if (!goesOn) this.endHere(job, lost(shim, job.started !== undefined));
    else return;
    this.#starts.answer(job.name, { kind: "started" });
  }

  #grew(job: OpenJob, kept: KeptBytes): void {
    this.#spool.grew(job.grew(kept));
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
    this.#onIdle();
    removeEmptyCgroups();
  }
}
