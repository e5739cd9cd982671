/** Requests to end jobs, while they are carried out. */
import { MAX_WORD } from "../../core/wire/limits.ts";
import { Deadline, within } from "../../system/deadline.ts";
import { fileProblem } from "../../system/files/files.ts";
import { endJob, isJobRunning, type JobEnd } from "../../system/process/end-job.ts";
import type { ProcessId } from "../../system/process/process-id.ts";
import { rootOf } from "../scripts/watched-script.ts";
import type { CancelOutcome, JobFacts } from "./job.ts";
import type { JobCancel } from "./job-folder.ts";

/** How long its shim may take to write the end once the script has ended: it waits up to two seconds for output. */
const END_MS = 5_000;

/** A job that is running, or may be. */
export interface Endable {
  /** The name of its folder; its mark is derived from it. */
  readonly name: string;
  readonly facts: Pick<JobFacts, "script">;
  /** Its script's process; undefined if that is not known. */
  readonly root: ProcessId | undefined;
  /** Its shim has had no other job since it started: end-job.ts says what that is for. */
  readonly isAlone: boolean;
  readonly ended: Promise<unknown>;
  /** What an earlier request could not end. */
  readonly remains: readonly ProcessId[];
  /**
   * For the process that writes its end. Until it says how many are left, the next agent goes on with the request.
   * Never throws.
   */
  note(cancel: JobCancel): void;
  /** For the next request to end it. @throws the system's error */
  noteRemains(remains: readonly ProcessId[]): void;
}

interface Cancel {
  readonly done: Promise<CancelOutcome>;
  readonly hurry: AbortController;
}

export class Cancels {
  readonly #spared: () => ProcessId[];
  /** By the names of the jobs. */
  readonly #running = new Map<string, Cancel>();

  /** @param spared returns the shims, which are never touched */
  constructor(spared: () => ProcessId[]) {
    this.#spared = spared;
  }

  /** A second request for the same job joins the first, and can only shorten its grace. Never rejects. */
  async cancel(job: Endable, by: string, graceMs: number): Promise<CancelOutcome> {
    const first = this.#running.get(job.name);
    if (first !== undefined) {
      using _grace = new Deadline(graceMs, () => first.hurry.abort());
      return await first.done;
    }
    const hurry = new AbortController();
    const done = this.#end(job, by.slice(0, MAX_WORD).toWellFormed(), graceMs, hurry.signal);
    this.#running.set(job.name, { done, hurry });
    return await done.finally(() => this.#running.delete(job.name));
  }

  /**
   * Whether any process is running of a job that is lost, or that left something behind. If this cannot be
   * determined, the answer is yes.
   */
  async mayRun({ name, root, remains }: Endable): Promise<boolean> {
    try {
      const work = { name, root: rootOf(root), known: remains, spared: this.#spared };
      return await isJobRunning(work);
    } catch {
      return true;
    }
  }

  async #end(
    job: Endable,
    by: string,
    graceMs: number,
    hurry: AbortSignal,
  ): Promise<CancelOutcome> {
    job.note({ by, graceMs });
    const { name, root, remains: known, facts } = job;
    const { script } = facts;
    try {
      const isAlone = () => job.isAlone;
      const work = { name, root: rootOf(root), known, spared: this.#spared, isAlone };
      const end = await endJob(work, graceMs, hurry);
      const { left, remains = [] } = end;
      if (known.length + left > 0) noteRemains(job, remains);
      job.note({ by, graceMs, left });
      const told = job.ended.then(() => true);
      const isTold = await within(END_MS, told, () => false);
      return { script, ended: left === 0 && isTold, left, reason: reasonOf(end) };
    } catch (thrown) {
      return { script, ended: false, left: 1, reason: fileProblem(thrown) };
    }
  }
}

function noteRemains(job: Endable, remains: readonly ProcessId[]): void {
  try {
    job.noteRemains(remains);
  } catch {
    // The disk is full: the job is ended all the same.
  }
}

/** Why some of it could not be ended, if that is known. */
export function reasonOf({ why }: JobEnd): string | undefined {
  switch (why?.kind) {
    case "forbidden":
      return "it is another user's";
    case "doubtful":
      return "it may be another run's";
    case "no-handle":
      return `there is no handle on it (${why.code})`;
    case undefined:
      return undefined;
  }
}
