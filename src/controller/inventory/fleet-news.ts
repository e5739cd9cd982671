/**
 * Collects what the answers of a fan-out show about the hosts themselves, whatever was asked. A use-case that
 * asks the fleet passes it each outcome, and lets it record what has changed once all have come.
 */
import type { FleetDialler, HostOutcome } from "../fleet/fan-out.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import type { HostNews } from "../store/ports/learned.ts";
import { type Contact, rememberContacts } from "./contacts.ts";

export class FleetNews {
  readonly #host: HostContext;
  readonly #dialler: FleetDialler;
  // Without the replies: an output may be large, and its result has already been passed on.
  readonly #contacts: Contact[] = [];
  readonly #clocks = new Map<string, number>();
  readonly #told = new Map<string, HostNews>();

  constructor(host: HostContext, dialler: FleetDialler) {
    this.#host = host;
    this.#dialler = dialler;
  }

  /** @param told what the host reports about itself, if it was asked for that */
  hear(outcome: HostOutcome, told?: HostNews): void {
    const { target, reply, acceptedSerial, refusedSerial, clockOffset } = outcome;
    const { record } = target;
    if (record === undefined || reply === undefined) return;
    const { shown } = reply;
    this.#contacts.push({ record, serial: acceptedSerial, refused: refusedSerial, shown });
    if (told !== undefined) this.#told.set(record.hostname, told);
    if (clockOffset !== undefined) this.#clocks.set(record.hostname, clockOffset);
  }

  /**
   * Records certificates, serials, addresses, clocks, and what the hosts have reported.
   *
   * @returns the records that were changed, by host name
   */
  async keep(): Promise<ReadonlyMap<string, AgentRecord>> {
    const [current] = this.#dialler.credentials;
    const changed = await rememberContacts(this.#host, current.serial, this.#contacts);
    await this.#host.store.clocks.remember(this.#clocks);
    await this.#host.store.learned.learn(this.#told);
    return changed;
  }
}
