/** Rate limits per source, in constant time and bounded memory (T21). */
import type { RateLimit } from "../../core/units.ts";

/** Sources remembered at once, for each limit. */
export const MAX_SOURCES = 1000;

/** `begins` is the event that starts a block: the one that is logged. */
export type Verdict = "pass" | "begins" | "blocked";

/**
 * Times are milliseconds of any clock that does not run backwards. There are two tables, with MAX_SOURCES
 * entries together: a flood of addresses pushes out others that are only counted, and lifts no block.
 */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #onEvict: () => void;
  /** Counted but not blocked, in the order of their last event: the first is the next to be forgotten. */
  readonly #counted = new Map<string, Moments>();
  /** All blocks last equally long, so the first one here ends first. */
  readonly #blocked = new Map<string, Block>();

  /** @param onEvict called for each source that is forgotten to make room */
  constructor(limit: RateLimit, onEvict: () => void) {
    this.#limit = limit;
    this.#onEvict = onEvict;
  }

  /** Counts one event of the source. */
  count(source: string, now: number): Verdict {
    if (this.isBlocked(source, now)) return "blocked";
    this.#blocked.delete(source);
    const moments = this.#touch(source, now);
    moments.add(now);
    if (!moments.areTooMany()) return "pass";
    this.#counted.delete(source);
    this.#blocked.set(source, { until: now + this.#limit.block * 1000, moments });
    return "begins";
  }

  /**
   * Removes the event of that time from the count. A block that would not have begun without it ends.
   * @param at as given to count()
   */
  takeBack(source: string, at: number): void {
    const block = this.#blocked.get(source);
    const moments = block?.moments ?? this.#counted.get(source);
    moments?.remove(at);
    if (block === undefined || block.moments.areTooMany()) return;
    this.#blocked.delete(source);
    this.#counted.set(source, block.moments);
  }

  /** Whether the source is blocked now; counts nothing. */
  isBlocked(source: string, now: number): boolean {
    return now < (this.#blocked.get(source)?.until ?? 0);
  }

  #touch(source: string, now: number): Moments {
    const known = this.#counted.get(source);
    if (known !== undefined) this.#counted.delete(source);
    else if (this.#counted.size + this.#blocked.size >= MAX_SOURCES) this.#forgetOne(now);
    const moments = known ?? new Moments(this.#limit);
    this.#counted.set(source, moments);
    return moments;
  }

  #forgetOne(now: number): void {
    const [firstBlocked] = this.#blocked;
    if (firstBlocked !== undefined && now >= firstBlocked[1].until) {
      this.#blocked.delete(firstBlocked[0]);
      return;
    }
    const [quietest] = this.#counted.keys();
    if (quietest !== undefined) this.#counted.delete(quietest);
    else if (firstBlocked !== undefined) this.#blocked.delete(firstBlocked[0]);
    this.#onEvict();
  }
}

interface Block {
  readonly until: number;
  /** The moments that made it begin. */
  readonly moments: Moments;
}

/** Moments of a source's last events, at most one more than the limit: a ring. */
class Moments {
  readonly #limit: RateLimit;
  #ring: number[] = [];
  #oldest = 0;

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  add(now: number): void {
    if (this.#ring.length <= this.#limit.limit) {
      this.#ring.push(now);
      return;
    }
    this.#ring[this.#oldest] = now;
    this.#oldest = (this.#oldest + 1) % this.#ring.length;
  }

  /** Does nothing if the moment has already been forgotten. */
  remove(at: number): void {
    const inOrder = [...this.#ring.slice(this.#oldest), ...this.#ring.slice(0, this.#oldest)];
    const found = inOrder.indexOf(at);
    if (found < 0) return;
    inOrder.splice(found, 1);
    this.#ring = inOrder;
    this.#oldest = 0;
  }

  /** Whether the last events exceeded the limit within the window. */
  areTooMany(): boolean {
    if (this.#ring.length <= this.#limit.limit) return false;
    const first = this.#ring[this.#oldest] ?? 0;
    const last = this.#ring.at(this.#oldest - 1) ?? 0;
    return last - first <= this.#limit.window * 1000;
  }
}
