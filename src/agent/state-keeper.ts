/** The state in force: replaced whole at SIGHUP; its serial and revocation files follow on their own. */
import type { Log } from "../core/log-line.ts";
import type { AgentState } from "./state.ts";
import type { AgentTrust } from "./trust.ts";

export class StateKeeper {
  readonly #log: Log;
  #state: AgentState;
  #problem: string | undefined;

  constructor(state: AgentState, log: Log) {
    this.#state = state;
    this.#log = log;
  }

  replace(state: AgentState): void {
    this.#state = state;
  }

  /** The rest of the state may have been replaced since the trust was made. */
  replaceTrust(trust: AgentTrust): void {
    this.#state = { ...this.#state, trust };
  }

  /** What counts now. A file that cannot be used any more is told once, not for every connection. */
  current(): AgentState {
    const { controller, revoked } = this.#state.trust;
    const problem = controller.problem ?? revoked.problem;
    if (problem !== undefined && problem !== this.#problem) {
      this.#log("err", "reload-fail", { ERROR: problem });
    }
    this.#problem = problem;
    return this.#state;
  }
}
