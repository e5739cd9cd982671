/** The agents that are connected to a hub, by name. */
import { lowerAscii } from "../core/net/host-name.ts";
import type { Serial } from "../core/serial.ts";

/** How a hub holds on to an agent. */
export interface Member {
  readonly name: string;
  /** Its address, as the hub sees it. */
  readonly address: string;
  readonly since: Date;
  /** Whether it says that it can be called directly as well. */
  readonly listens: boolean;
  /** Of the certificate with which it came. */
  readonly serial: Serial;
  /** Its control connection, by which its calls are known. */
  readonly link: object;
  invite(ticket: string, caller: string | undefined): void;
  /** @param why it is told */
  sendAway(why: string): void;
}

export class Members {
  readonly #byName = new Map<string, Member>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#byName.size;
  }

  /**
   * One host, one connection: an agent that comes again has lost the one that it had, which may not be known here yet.
   *
   * @returns false if there is no room
   */
  admit(member: Member): boolean {
    const key = lowerAscii(member.name);
    const before = this.#byName.get(key);
    if (before === undefined && this.#byName.size >= this.#limit) return false;
    this.#byName.set(key, member);
    before?.sendAway("the same host has connected again");
    return true;
  }

  remove(member: Member): void {
    const key = lowerAscii(member.name);
    if (this.#byName.get(key) === member) this.#byName.delete(key);
  }

  find(name: string): Member | undefined {
    return this.#byName.get(lowerAscii(name));
  }
}
