/** The state in force. SIGHUP replaces it as a whole; what it trusts follows its files by itself. */
import type { AgentLog } from "../../core/events.ts";
import { opensslTime } from "../../core/time.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import type { RevokedSerials } from "../trust/revoked-serials.ts";
import type { AgentState } from "./state.ts";

export class StateKeeper {
  readonly #log: AgentLog;
  #state: AgentState;
  #problem: string | undefined;
  /** The text of the revocation file that has been judged: its bad lines are logged once. */
  #toldRevocations: string | undefined;

  constructor(state: AgentState, log: AgentLog) {
    this.#state = state;
    this.#toldRevocations = state.trust.revoked.text;
    this.#log = log;
  }

  /** Warnings about its files have already been logged: logStateWarnings(). */
  replace(state: AgentState): void {
    this.#state = state;
    this.#toldRevocations = state.trust.revoked.text;
  }

  /** The state in force, without a look at the files of the trust. */
  get state(): AgentState {
    return this.#state;
  }

  /**
   * The state in force, after a look at those files. A file that can no longer be used, or only in part, is
   * logged once, not for every connection.
   */
  current(): AgentState {
    const { identity, controller, revoked } = this.#state.trust;
    if (identity.look()) this.#tellNewIdentity(identity.certificate);
    controller.look();
    revoked.look();
    const problem = identity.problem ?? controller.problem ?? revoked.problem;
    if (problem !== undefined && problem !== this.#problem) {
      this.#log({ event: "reload-fail", error: problem });
    }
    this.#problem = problem;
    this.#tellBadRevocations(revoked);
    return this.#state;
  }

  #tellNewIdentity({ serial, notAfter }: CertificateFacts): void {
    this.#log({ event: "new-identity", expiry: opensslTime(notAfter), serial });
  }

  #tellBadRevocations(revoked: RevokedSerials): void {
    if (revoked.text === this.#toldRevocations) return;
    this.#toldRevocations = revoked.text;
    const { badLines } = revoked;
    if (badLines !== undefined) this.#log({ event: "revoked-serials-bad", error: badLines });
  }
}
