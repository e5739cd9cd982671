/**
 * The jobs that are running, including those under the shim of an earlier agent, in the order in which they began.
 */
import type { ProcessId } from "../../system/process/process-id.ts";
import type { JobFacts } from "./job.ts";
import type { OpenJob } from "./open-job.ts";

export class RunningJobs {
  /** By the names of their folders. */
  readonly #jobs = new Map<string, OpenJob>();

  get size(): number {
    return this.#jobs.size;
  }

  get all(): readonly OpenJob[] {
    return [...this.#jobs.values()];
  }

  get facts(): readonly JobFacts[] {
    return this.all.map(({ facts }) => facts);
  }

  /** The shims that started one of them. */
  get shims(): ProcessId[] {
    return this.all.flatMap(({ shim }) => shim ?? []);
  }

  add(job: OpenJob): void {
    this.#jobs.set(job.name, job);
  }

  remove({ name }: OpenJob): void {
    this.#jobs.delete(name);
  }

  /** @param name of its folder */
  get(name: string): OpenJob | undefined {
    return this.#jobs.get(name);
  }

  find(reqid: string): OpenJob | undefined {
    return this.all.find(({ request }) => request.reqid === reqid);
  }

  /** The bytes held by jobs that are not this shim's. */
  bytesBeside(shim: ProcessId): number {
    const others = this.all.filter((job) => job.shim?.pid !== shim.pid);
    return others.reduce((sum, job) => sum + job.keptBytes, 0);
  }
}
