/** Rate limits per source, in constant time and bounded memory (T21). */
import type { RateLimit } from "../../core/units.ts";

/** Sources remembered at once, for each limit. */
export const MAX_SOURCES = 1000;

/** `begins` is the event that starts a block: the one that is logged. */
export type Verdict = "pass" | "begins" | "blocked";

/**
 * Times are milliseconds of any clock that does not run backwards. Two tables, of MAX_SOURCES
 * together: whoever floods the door with addresses pushes out others that are only counted, and
 * lifts no block.
 */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #onEvict: () => void;
  /** Counted and not blocked, in the order of their last event: the first is the one to forget. */
  readonly #counted = new Map<string, Moments>();
  /** Until when. All blocks are equally long, so the first here ends first. */
  readonly #blocked = new Map<string, number>();

  /** @param onEvict called for each source that is forgotten to make room */
  constructor(limit: RateLimit, onEvict: () => void) {
    this.#limit = limit;
    this.#onEvict = onEvict;
  }

  /** Counts one event of the source. */
  count(source: string, now: number): Verdict {
    if (this.isBlocked(source, now)) return "blocked";
    this.#blocked.delete(source);
    if (!this.#touch(source, now).exceeds(this.#limit, now)) return "pass";
    this.#counted.delete(source);
    this.#blocked.set(source, now + this.#limit.block * 1000);
    return "begins";
  }

  /** Whether the source is blocked now; counts nothing. */
  isBlocked(source: string, now: number): boolean {
    return now < (this.#blocked.get(source) ?? 0);
  }

  #touch(source: string, now: number): Moments {
    const known = this.#counted.get(source);
    if (known !== undefined) this.#counted.delete(source);
    else if (this.#counted.size + this.#blocked.size >= MAX_SOURCES) this.#forgetOne(now);
    const moments = known ?? new Moments();
    this.#counted.set(source, moments);
    return moments;
  }

  #forgetOne(now: number): void {
    const [firstBlocked] = this.#blocked;
    if (firstBlocked !== undefined && now >= firstBlocked[1]) {
      this.#blocked.delete(firstBlocked[0]);
      return;
    }
    const [quietest] = this.#counted.keys();
    if (quietest !== undefined) this.#counted.delete(quietest);
    else if (firstBlocked !== undefined) this.#blocked.delete(firstBlocked[0]);
    this.#onEvict();
  }
}

/** Moments of a source's last events, at most as many as the limit: a ring. */
class Moments {
  readonly #ring: number[] = [];
  #oldest = 0;

  /** Notes the event and says whether it is one more than the limit within the window. */
  exceeds({ limit, window }: RateLimit, now: number): boolean {
    if (this.#ring.length < limit) {
      this.#ring.push(now);
      return false;
    }
    const earliest = this.#ring[this.#oldest] ?? now;
    this.#ring[this.#oldest] = now;
    this.#oldest = (this.#oldest + 1) % this.#ring.length;
    return now - earliest <= window * 1000;
  }
}
