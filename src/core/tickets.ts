/**
 * Tickets: random texts that stand for something, once and for a short time. Whoever has one may use it, so nothing but
 * a seat in a meeting may depend on it (T44).
 */

interface Issued<Value> {
  readonly value: Value;
  /** As the clock of the caller has it. */
  readonly until: number;
}

/** Times are milliseconds of any clock that does not run backwards. */
export class Tickets<Value> {
  readonly #lifeMs: number;
  readonly #limit: number;
  readonly #draw: () => string;
  /** In the order in which they end. */
  readonly #issued = new Map<string, Issued<Value>>();

  /**
   * @param limit how many may be out at once
   * @param draw a new random text at each call
   */
  constructor(lifeMs: number, limit: number, draw: () => string) {
    this.#lifeMs = lifeMs;
    this.#limit = limit;
    this.#draw = draw;
  }

  get size(): number {
    return this.#issued.size;
  }

  /** Undefined if too many are out. */
  issue(value: Value, now: number): string | undefined {
    this.#forgetEnded(now);
    if (this.#issued.size >= this.#limit) return undefined;
    const ticket = this.#draw();
    this.#issued.set(ticket, { value, until: now + this.#lifeMs });
    return ticket;
  }

  /** What it stands for; undefined if it was never issued, was used, was withdrawn or is late. */
  redeem(ticket: string, now: number): Value | undefined {
    const issued = this.#issued.get(ticket);
    this.#issued.delete(ticket);
    return issued !== undefined && now < issued.until ? issued.value : undefined;
  }

  withdraw(ticket: string): void {
    this.#issued.delete(ticket);
  }

  #forgetEnded(now: number): void {
    for (const [ticket, { until }] of this.#issued) {
      if (now < until) return;
      this.#issued.delete(ticket);
    }
  }
}
