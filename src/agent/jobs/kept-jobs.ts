/** The jobs that have ended and are kept, in the order in which they ended. */
import type { OpenJob } from "./open-job.ts";

export interface KeptJob {
  readonly reqid: string;
  /** Of its folder. */
  readonly name: string;
  /** Of the disk. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly ended: number;
  /** The script of a job that is lost, and may still run. */
  readonly lostScript: string | undefined;
  /** In memory, if its folder does not tell how it ended, or it is lost. */
  readonly job: OpenJob | undefined;
}

/** How much is kept, and for how long. */
export interface KeepRule {
  /** Of the disk, for these jobs. */
  readonly bytes: number;
  /** What has ended earlier is not kept: milliseconds since 1970. */
  readonly since: number;
}

export class KeptJobs {
  readonly #jobs = new Map<string, KeptJob>();
  /** Those that are lost, by their request ids. */
  readonly #lost = new Map<string, KeptJob>();
  #bytes = 0;

  /** Of the disk, that all of them take. */
  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): KeptJob | undefined {
    return this.#jobs.values().next().value;
  }

  /** The newest first. */
  get all(): KeptJob[] {
    return [...this.#jobs.values()].reverse();
  }

  /** Those that are lost and may still run. */
  get lost(): readonly KeptJob[] {
    return [...this.#lost.values()];
  }

  get(reqid: string): KeptJob | undefined {
    return this.#jobs.get(reqid);
  }

  /** It is the newest. */
  add(job: KeptJob): void {
    this.#jobs.set(job.reqid, job);
    this.#bytes += job.bytes;
    if (job.lostScript !== undefined) this.#lost.set(job.reqid, job);
  }

  /** Nothing of it runs. */
  isOver(reqid: string): void {
    this.#lost.delete(reqid);
  }

  /** Takes those out that are not kept by the rule, the oldest first; what is in use, or may run, stays for now. */
  *takeOut(rule: KeepRule, isInUse: (job: KeptJob) => boolean): Generator<KeptJob> {
    for (const job of this.#jobs.values()) {
      if (this.#bytes <= rule.bytes && job.ended >= rule.since) return;
      if (isInUse(job) || this.#lost.has(job.reqid)) continue;
      this.#jobs.delete(job.reqid);
      this.#bytes -= job.bytes;
      yield job;
    }
  }
}
