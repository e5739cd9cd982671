/**
 * Jobs whose end nobody has seen, because their shim was killed: what they have started may still be running. As long
 * as it is, such a job holds the lock of its script, counts in its `concurrency`, and is not cleared away.
 */
import { Deadline } from "../../system/deadline.ts";
import type { Cancels } from "./cancels.ts";
import type { CancelOutcome } from "./job.ts";
import type { OpenJob } from "./open-job.ts";
import type { Spool } from "./spool.ts";

const LOOK_MS = 60_000;

/**
 * How often none of its processes may be found: a process that starts the next one and ends at once is easily missed.
 */
const EMPTY_LOOKS = 3;

export class LostJobs {
  readonly #spool: Spool;
  readonly #cancels: Cancels;
  /** How often no process was found, by the names of the jobs. */
  readonly #unseen = new Map<string, number>();
  #next: Deadline | undefined;

  constructor(spool: Spool, cancels: Cancels) {
    this.#spool = spool;
    this.#cancels = cancels;
  }

  /** The request ids of those runs of this script that are still running. */
  async runsOf(script: string): Promise<readonly string[]> {
    const running: string[] = [];
    for (const job of this.#spool.lostOf(script)) {
      if (await this.#goesOn(job)) running.push(job.request.reqid);
    }
    return running;
  }

  /** The same for what an earlier request could not end. Undefined if nothing of it is running. */
  async cancel(reqid: string, by: string, graceMs: number): Promise<CancelOutcome | undefined> {
    const job = this.#spool.find(reqid);
    if (job === undefined || !(job.isLost || job.remains.length > 0)) return undefined;
    const letGo = job.hold();
    try {
      if (!(await this.#cancels.mayRun(job))) return undefined;
      return await this.#cancels.cancel(job, by, graceMs);
    } finally {
      letGo();
    }
  }

  /** Checks from time to time whether they have ended, if there are any. */
  lookLater(): void {
    if (this.#next !== undefined || this.#spool.lostOf().length === 0) return;
    this.#next = new Deadline(LOOK_MS, () => void this.#lookAtAll());
  }

  close(): void {
    this.#next?.stop();
  }

  async #lookAtAll(): Promise<void> {
    for (const job of this.#spool.lostOf()) await this.#goesOn(job);
    this.#next = undefined;
    this.lookLater();
  }

  async #goesOn(job: OpenJob): Promise<boolean> {
    const { name } = job;
    const isSeen = await this.#cancels.mayRun(job);
    const unseen = isSeen ? 0 : (this.#unseen.get(name) ?? 0) + 1;
    this.#unseen.set(name, unseen);
    if (unseen >= EMPTY_LOOKS) {
      this.#unseen.delete(name);
      this.#spool.isOver(job);
    }
    return isSeen;
  }
}
