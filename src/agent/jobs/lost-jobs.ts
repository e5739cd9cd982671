/** Jobs whose end nobody has seen, because their shim was killed: what they have started may run on. */
import type { Cancels } from "./cancels.ts";
import type { CancelOutcome } from "./job.ts";
import type { Spool } from "./spool.ts";

export class LostJobs {
  readonly #spool: Spool;
  readonly #cancels: Cancels;

  constructor(spool: Spool, cancels: Cancels) {
    this.#spool = spool;
    this.#cancels = cancels;
  }

  /** The request id of one of this script that goes on. */
  async runOf(script: string): Promise<string | undefined> {
    for (const job of this.#spool.lostOf(script)) {
      if (await this.#cancels.mayRun(job)) return job.request.reqid;
    }
    return undefined;
  }

  /** Undefined if nothing of it runs. */
  async cancel(reqid: string, by: string, graceMs: number): Promise<CancelOutcome | undefined> {
    const job = this.#spool.find(reqid);
    if (!job?.isLost) return undefined;
    const letGo = job.hold();
    try {
      if (!(await this.#cancels.mayRun(job))) return undefined;
      return await this.#cancels.cancel(job, by, graceMs);
    } finally {
      letGo();
    }
  }
}
