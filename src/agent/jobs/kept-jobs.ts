/** The jobs that have ended and are kept, in the order in which they ended. */
import type { OpenJob } from "./open-job.ts";

export interface KeptJob {
  readonly reqid: string;
  /** The name of its folder. */
  readonly name: string;
  /** Disk space, in bytes. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly ended: number;
  /** The script of a job that is lost, and may still be running. */
  readonly lostScript: string | undefined;
  /** In memory, if its folder does not say how it ended, or if it is lost. */
  readonly job: OpenJob | undefined;
}

/** How much is kept, and for how long. */
export interface KeepRule {
  /** Disk space for these jobs, in bytes. */
  readonly bytes: number;
  /** Jobs that ended earlier are not kept: milliseconds since 1970. */
  readonly since: number;
}

export class KeptJobs {
  readonly #jobs = new Map<string, KeptJob>();
  /** Those that are lost, by their request ids. */
  readonly #lost = new Map<string, KeptJob>();
  #bytes = 0;

  /** The disk space that all of them take, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): KeptJob | undefined {
    return this.#jobs.values().next().value;
  }

  /** Newest first. */
  get all(): KeptJob[] {
    return [...this.#jobs.values()].reverse();
  }

  /** Those that are lost and may still be running. */
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

  /** None of its processes is running. */
  isOver(reqid: string): void {
    this.#lost.delete(reqid);
  }

  /** Removes those that the rule does not keep, oldest first; what is in use, or may be running, stays for now. */
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
