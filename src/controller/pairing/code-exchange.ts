/**
 * The control host's half of agreeing on a confirmation code (docs/PROTOCOL.md, section 1): it answers the
 * agent's commitment with its own value, and only then sees the agent's (T07).
 */
import type { TLSSocket } from "node:tls";
import { ExchangeLimit } from "../../core/exchange-limit.ts";
import {
  type Confirmation,
  commitmentTo,
  exchangedCode,
  ofRequestAlone,
} from "../../core/wire/confirmation-code.ts";
import { formatHttpResponse } from "../../core/wire/http-message.ts";
import { type PairingRequest, pairingReveal } from "../../core/wire/messages/pairing.ts";
import type { HostContext } from "../store/host.ts";
import type { HostNews } from "../store/ports/learned.ts";
import { readPost } from "./reading.ts";

export interface Caller {
  /** The id of its request, once it has one. */
  readonly id: string;
  readonly ip: string;
}

export type Exchanged =
  | {
      readonly kind: "agreed";
      readonly confirmation: Confirmation;
      /** What the agent says about itself. */
      readonly report?: HostNews;
    }
  | { readonly kind: "failed"; readonly why: string };

/** The exchanges of a pairing port. */
export class CodeExchange {
  readonly #log: HostContext["log"];
  readonly #certificate: Uint8Array;
  readonly #limit: ExchangeLimit;

  /** @param certificate the one that the port shows, DER @param atOnce how many exchanges may be under way */
  constructor(log: HostContext["log"], certificate: Uint8Array, atOnce: number) {
    this.#log = log;
    this.#limit = new ExchangeLimit(atOnce);
    this.#certificate = certificate;
  }

  /**
   * An exchange that has begun ends with a code that covers both hosts, or fails; it never falls back to the
   * other kind.
   */
  async agree(socket: TLSSocket, { id, ip }: Caller, asked: PairingRequest): Promise<Exchanged> {
    const { hostname, csr, commitment } = asked;
    const alone = { kind: "agreed", confirmation: ofRequestAlone(csr) } as const;
    if (commitment === undefined) return alone;
    if (!this.#limit.begin(id, hostname, ip, performance.now())) {
      this.#log({ event: "pair-code-limit", agent: hostname, ip, reqid: id });
      return alone;
    }
    return await this.#exchange(socket, id, csr, commitment);
  }

  /** Must be called when a request has ended, whatever its outcome. */
  end(id: string, approved: boolean): void {
    this.#limit.end(id, approved);
  }

  async #exchange(
    socket: TLSSocket,
    id: string,
    csr: string,
    commitment: string,
  ): Promise<Exchanged> {
    const controllerValue = crypto.getRandomValues(new Uint8Array(32)).toHex();
    const pending = { status: "pending", reqid: id, value: controllerValue };
    socket.write(formatHttpResponse(JSON.stringify(pending)));
    const revealed = await readPost(socket, "/pair-reveal", pairingReveal);
    if (revealed === undefined)
      return { kind: "failed", why: "no value for the confirmation code" };
    const { value: agentValue, version, tags } = revealed;
    if (revealed.reqid !== id || commitmentTo(agentValue, csr) !== commitment) {
      return { kind: "failed", why: "a value that is not the one it committed to" };
    }
    const certificate = this.#certificate;
    const code = exchangedCode({ csr, certificate, agentValue, controllerValue });
    const report = { version, tags };
    return { kind: "agreed", confirmation: { code, covers: "both" }, report };
  }
}
