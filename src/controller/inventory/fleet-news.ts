/**
 * Collects what the answers of a fan-out show about the hosts themselves, whatever was asked. A use-case that
 * asks the fleet passes it each outcome, and lets it record what has changed once all have come.
 */
import type { FleetDialler, HostOutcome } from "../fleet/fan-out.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import { type Contact, rememberContacts } from "./contacts.ts";

export class FleetNews {
  readonly #host: HostContext;
  readonly #dialler: FleetDialler;
  // Without the replies: an output may be large, and its result has already been passed on.
  readonly #contacts: Contact[] = [];
  readonly #clocks = new Map<string, number>();

  constructor(host: HostContext, dialler: FleetDialler) {
    this.#host = host;
    this.#dialler = dialler;
  }

  hear({ target, reply, acceptedSerial, refusedSerial, clockOffset }: HostOutcome): void {
    const { record } = target;
    if (record === undefined || reply === undefined) return;
    const { shown } = reply;
    this.#contacts.push({ record, serial: acceptedSerial, refused: refusedSerial, shown });
    if (clockOffset !== undefined) this.#clocks.set(record.hostname, clockOffset);
  }

  /**
   * Records certificates, serials, addresses and clocks.
   *
   * @returns the records that were changed, by host name
   */
  async keep(): Promise<ReadonlyMap<string, AgentRecord>> {
    const [current] = this.#dialler.credentials;
    const changed = await rememberContacts(this.#host, current.serial, this.#contacts);
    await this.#host.store.clocks.remember(this.#clocks);
    return changed;
  }
}
