/**
 * The agent's half of agreeing on a confirmation code (docs/PROTOCOL.md, section 1): it commits to a value,
 * learns the control host's, and then reveals its own (T07).
 */
import {
  type Confirmation,
  commitmentTo,
  exchangedCode,
  ofRequestAlone,
} from "../../core/wire/confirmation-code.ts";
import { formatHttpRequest } from "../../core/wire/http-message.ts";
import type { SelfReport } from "../self-report.ts";

export interface PairingTalk {
  readonly csr: string;
  /** The control host's certificate as the handshake showed it, DER. */
  readonly certificate: Uint8Array;
  readonly address: string;
  readonly report: SelfReport;
  send(request: string): void;
  /** Waits until the control host has taken the request. */
  untilTaken(reqid: string): Promise<void>;
}

export class CodeAgreement {
  readonly #value = crypto.getRandomValues(new Uint8Array(32)).toHex();
  readonly #talk: PairingTalk;

  constructor(talk: PairingTalk) {
    this.#talk = talk;
  }

  /** A member of the pairing request. */
  get commitment(): string {
    return commitmentTo(this.#value, this.#talk.csr);
  }

  /** @param controllerValue from the first answer; undefined from 0.8 or 1.0, which do not exchange values */
  async conclude(reqid: string, controllerValue: string | undefined): Promise<Confirmation> {
    const { csr, certificate, address, report } = this.#talk;
    if (controllerValue === undefined) return ofRequestAlone(csr);
    const agentValue = this.#value;
    const message = { reqid, value: agentValue, ...report };
    this.#talk.send(formatHttpRequest("/pair-reveal", address, JSON.stringify(message)));
    await this.#talk.untilTaken(reqid);
    const code = exchangedCode({ csr, certificate, agentValue, controllerValue });
    return { code, covers: "both" };
  }
}
