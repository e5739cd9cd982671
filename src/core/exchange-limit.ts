/**
 * Limits how often somebody may try to get a certain confirmation code: each exchange gives them a random one, and
 * they can abandon those that do not match (T07). Beyond these limits a request gets a code that covers the request
 * alone. docs/SECURITY.md says what chance remains.
 */
import { callerNetwork } from "./net/caller-network.ts";

/** As long as a request may wait. */
const WINDOW_MS = 600_000;

/** Under one host name, including those under way. */
const MAX_PER_HOST = 10;

/**
 * Abandoned exchanges: by one caller, and by all. Those under way have a separate limit, because a whole fleet may
 * pair at once.
 */
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
  readonly #maxUnderWay: number;

  /** @param maxUnderWay how many at once, by all callers together: each is another attempt */
  constructor(maxUnderWay: number) {
    this.#maxUnderWay = maxUnderWay;
  }

  /**
   * @param now milliseconds of a clock that never goes back
   * @returns false if there were too many
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
    if (all.length - givenUp.length >= this.#maxUnderWay) return false;
    this.#exchanges.set(id, { host, caller, begun: now, underWay: true });
    return true;
  }

  /** @param approved whether it was approved: then it was honest, and does not count */
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
