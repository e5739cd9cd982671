/**
 * How often somebody may try to get a certain confirmation code: each exchange gives him one by chance, and
 * he need not go on with those that do not fit (T07). Beyond these bounds a request gets a code that
 * covers the request alone. docs/SECURITY.md says what chance they leave.
 */
import { callerNetwork } from "./net/caller-network.ts";

/** As long as a request may wait. */
const WINDOW_MS = 600_000;

/** Under one host name, those under way among them. */
const MAX_PER_HOST = 10;

/** Given up: by one caller, and by all. Those under way do not count, since a fleet may pair at once. */
const MAX_PER_CALLER = 25;
const MAX_GIVEN_UP = 100;

interface Exchange {
  readonly host: string;
  readonly caller: string;
  readonly begun: number;
  underWay: boolean;
}

export class ExchangeLimit {
  readonly #exchanges = new Map<string, Exchange>();

  /**
   * @param now milliseconds of a clock that only goes on
   * @returns false when there were too many
   */
  begin(id: string, hostname: string, ip: string, now: number): boolean {
    this.#forgetBefore(now - WINDOW_MS);
    const host = hostname.toLowerCase();
    const caller = callerNetwork(ip);
    const all = [...this.#exchanges.values()];
    const givenUp = all.filter(({ underWay }) => !underWay);
    if (all.filter((other) => other.host === host).length >= MAX_PER_HOST) return false;
    if (givenUp.filter((other) => other.caller === caller).length >= MAX_PER_CALLER) return false;
    if (givenUp.length >= MAX_GIVEN_UP) return false;
    this.#exchanges.set(id, { host, caller, begun: now, underWay: true });
    return true;
  }

  /** @param approved then it was an honest one, and does not count */
  end(id: string, approved: boolean): void {
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined) return;
    if (approved) this.#exchanges.delete(id);
    else exchange.underWay = false;
  }

  #forgetBefore(start: number): void {
    for (const [id, { underWay, begun }] of this.#exchanges) {
      if (!underWay && begun <= start) this.#exchanges.delete(id);
    }
  }
}
