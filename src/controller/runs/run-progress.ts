/** What is known about hosts of a run that have no result yet: whether the script may be running there. */
import type { RunState } from "../../core/run-state.ts";
import type { Sending } from "../fleet/dialler.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";

export class RunProgress implements Sending {
  /** Nothing has been sent to a host that is not in this map. */
  readonly #states = new Map<ResolvedTarget, RunState>();
  #stopped = false;

  stateOf(target: ResolvedTarget): RunState {
    return this.#states.get(target) ?? "never-ran";
  }

  /**
   * Right before the first byte of the request is sent: from here on, the script may run.
   * @returns whether it may be sent; false if the run was stopped
   */
  mayBeSent(target: ResolvedTarget): boolean {
    if (!this.#stopped) this.#states.set(target, "unknown");
    return !this.#stopped;
  }

  /** Its agent has reported that it has started the script. */
  begun(target: ResolvedTarget): void {
    this.#states.set(target, "running");
  }

  /** The agent refused the caller, so nothing was run. */
  turnedAway(target: ResolvedTarget): void {
    this.#states.delete(target);
  }

  /** Its answer came, and had to be dropped. */
  ended(target: ResolvedTarget): void {
    this.#states.set(target, "ended");
  }

  /** From now on, nothing is sent to any host. */
  stop(): void {
    this.#stopped = true;
  }
}
