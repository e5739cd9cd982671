/** The results of a rollout so far, of earlier processes too: each is recorded, and those that have failed count. */
import { hostCount } from "../../core/hosts/fold.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { RolloutParts } from "./rollout-parts.ts";

type Parts = Pick<RolloutParts, "before" | "mayFail" | "record">;

export class RolloutResults {
  readonly #parts: Parts;
  readonly #byHost = new Map<string, RunResult>();

  constructor(parts: Parts) {
    this.#parts = parts;
    for (const result of parts.before?.results ?? []) this.#byHost.set(result.host, result);
  }

  keep(result: RunResult): void {
    this.#byHost.set(result.host, result);
    this.#parts.record.add(result);
  }

  /** In the order of these hosts. */
  of(targets: readonly ResolvedTarget[]): readonly RunResult[] {
    return targets.flatMap(({ label }) => this.#byHost.get(label) ?? []);
  }

  /** Those of these hosts that have none. */
  open(targets: readonly ResolvedTarget[]): readonly ResolvedTarget[] {
    return targets.filter(({ label }) => !this.#byHost.has(label));
  }

  /** Those of these hosts on which the script has succeeded. */
  succeeded(targets: readonly ResolvedTarget[]): readonly ResolvedTarget[] {
    return targets.filter((target) => this.of([target]).some((result) => !runFailed(result)));
  }

  /** Why no further batch begins, if more hosts have failed than may. */
  get tooManyFailed(): string | undefined {
    const { mayFail } = this.#parts;
    const failed = [...this.#byHost.values()].filter(runFailed).length;
    if (failed <= mayFail) return undefined;
    const count = `${hostCount(failed)} failed`;
    return mayFail === 0 ? count : `${count}, and at most ${mayFail} may`;
  }
}
