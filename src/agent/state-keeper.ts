/** The state in force: replaced whole at SIGHUP; its serial and revocation files follow on their own. */
import type { Log } from "../core/log-line.ts";
import type { RevokedSerials } from "./revoked-serials.ts";
import { type AgentState, logBadRevocations } from "./state.ts";
import type { AgentTrust } from "./trust.ts";

export class StateKeeper {
  readonly #log: Log;
  #state: AgentState;
  #problem: string | undefined;
  /** The revocation file's text whose bad lines are in the log already. */
  #toldRevocations: string | undefined;

  constructor(state: AgentState, log: Log) {
    this.#state = state;
    this.#toldRevocations = state.trust.revoked.text;
    this.#log = log;
  }

  /** What its files made us skip is in the log already: logStateWarnings(). */
  replace(state: AgentState): void {
    this.#state = state;
    this.#toldRevocations = state.trust.revoked.text;
  }

  /** The rest of the state may have been replaced since the trust was made. */
  replaceTrust(trust: AgentTrust): void {
    this.#state = { ...this.#state, trust };
  }

  /** What is in force apart from those two files, which are not looked at. */
  get state(): AgentState {
    return this.#state;
  }

  /**
   * What counts now. A file that cannot be used any more, and a line that revokes nothing, is told
   * once, not for every connection.
   */
  current(): AgentState {
    const { controller, revoked } = this.#state.trust;
    controller.look();
    revoked.look();
    const problem = controller.problem ?? revoked.problem;
    if (problem !== undefined && problem !== this.#problem) {
      this.#log("err", "reload-fail", { ERROR: problem });
    }
    this.#problem = problem;
    this.#tellBadRevocations(revoked);
    return this.#state;
  }

  #tellBadRevocations(revoked: RevokedSerials): void {
    if (revoked.text === this.#toldRevocations) return;
    this.#toldRevocations = revoked.text;
    logBadRevocations(revoked, this.#log);
  }
}
