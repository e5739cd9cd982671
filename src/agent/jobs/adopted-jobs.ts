/**
 * The jobs under the shim of an earlier agent. That shim reports nothing to this agent, so their folders are checked.
 */
import type { OpenJob } from "./open-job.ts";

const LOOK_MS = 100;

/** A job that nobody follows is checked once in this many rounds. */
const UNREAD_TURNS = 10;

export class AdoptedJobs {
  readonly #look: (job: OpenJob) => void;
  readonly #jobs = new Set<OpenJob>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #turn = 0;

  /** @param look checks the folder of a job that has not ended */
  constructor(look: (job: OpenJob) => void) {
    this.#look = look;
  }

  add(job: OpenJob): void {
    this.#jobs.add(job);
    this.#timer ??= setInterval(() => this.#lookAtAll(), LOOK_MS);
  }

  remove(job: OpenJob): void {
    this.#jobs.delete(job);
    if (this.#jobs.size === 0) this.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #lookAtAll(): void {
    this.#turn = (this.#turn + 1) % UNREAD_TURNS;
    for (const job of this.#jobs) if (job.isRead || this.#turn === 0) this.#look(job);
  }
}
