/** The state in force: replaced whole at SIGHUP; what it trusts follows its files on its own. */
import type { Log } from "../../core/log-line.ts";
import { opensslTime } from "../../core/time.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import type { RevokedSerials } from "../trust/revoked-serials.ts";
import { type AgentState, logBadRevocations } from "./state.ts";

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

  /** What is in force; the files of the trust are not looked at. */
  get state(): AgentState {
    return this.#state;
  }

  /**
   * What counts now. A file that cannot be used any more, and a line that revokes nothing, is told
   * once, not for every connection.
   */
  current(): AgentState {
    const { identity, controller, revoked } = this.#state.trust;
    if (identity.look()) this.#tellNewIdentity(identity.certificate);
    controller.look();
    revoked.look();
    const problem = identity.problem ?? controller.problem ?? revoked.problem;
    if (problem !== undefined && problem !== this.#problem) {
      this.#log("err", "reload-fail", { ERROR: problem });
    }
    this.#problem = problem;
    this.#tellBadRevocations(revoked);
    return this.#state;
  }

  #tellNewIdentity({ serial, notAfter }: CertificateFacts): void {
    this.#log("info", "new-identity", { EXPIRY: opensslTime(notAfter), SERIAL: serial });
  }

  #tellBadRevocations(revoked: RevokedSerials): void {
    if (revoked.text === this.#toldRevocations) return;
    this.#toldRevocations = revoked.text;
    logBadRevocations(revoked, this.#log);
  }
}
