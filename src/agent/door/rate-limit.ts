/** Rate limits per source address, in constant time and bounded memory (T21). */
import type { RateLimit } from "../../core/units.ts";

/** Sources remembered at once, for each limit. */
export const MAX_SOURCES = 1000;

/** `begins` is the event that starts a block: the one that is logged. */
export type Verdict = "pass" | "begins" | "blocked";

interface Source {
  /** Moments of the last events, at most `limit` of them: a ring. */
  readonly moments: number[];
  oldest: number;
  blockedUntil: number;
}

/** Times are milliseconds of any clock that does not run backwards. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #onEvict: () => void;
  /** In the order of their last event, so that the first is the one to forget. */
  readonly #sources = new Map<string, Source>();

  /** @param onEvict called for each source that is forgotten to make room */
  constructor(limit: RateLimit, onEvict: () => void) {
    this.#limit = limit;
    this.#onEvict = onEvict;
  }

  /** Counts one event of the source. */
  count(address: string, now: number): Verdict {
    const source = this.#touch(address);
    if (now < source.blockedUntil) return "blocked";
    if (!this.#exceeds(source, now)) return "pass";
    source.blockedUntil = now + this.#limit.block * 1000;
    source.moments.length = 0;
    source.oldest = 0;
    return "begins";
  }

  /** Whether the source is blocked now; counts nothing. */
  isBlocked(address: string, now: number): boolean {
    return now < (this.#sources.get(address)?.blockedUntil ?? 0);
  }

  /** Notes the event and says whether it is one more than the limit within the window. */
  #exceeds(source: Source, now: number): boolean {
    const { moments, oldest } = source;
    if (moments.length < this.#limit.limit) {
      moments.push(now);
      return false;
    }
    const earliest = moments[oldest] ?? now;
    moments[oldest] = now;
    source.oldest = (oldest + 1) % moments.length;
    return now - earliest <= this.#limit.window * 1000;
  }

  #touch(address: string): Source {
    const known = this.#sources.get(address);
    if (known !== undefined) this.#sources.delete(address);
    else if (this.#sources.size >= MAX_SOURCES) this.#forgetOldest();
    const source = known ?? { moments: [], oldest: 0, blockedUntil: 0 };
    this.#sources.set(address, source);
    return source;
  }

  #forgetOldest(): void {
    const [oldest] = this.#sources.keys();
    if (oldest === undefined) return;
    this.#sources.delete(oldest);
    this.#onEvict();
  }
}
