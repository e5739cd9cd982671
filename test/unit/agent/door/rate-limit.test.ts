import { describe, expect, test } from "bun:test";
import { MAX_SOURCES, RateLimiter } from "../../../../src/agent/door/rate-limit.ts";

const LIMIT = { limit: 3, window: 60, block: 300 };
const never = () => {
  throw new Error("evicted");
};

/** The verdicts for events at these seconds. */
function verdicts(seconds: readonly number[], limiter = new RateLimiter(LIMIT, never)) {
  return seconds.map((second) => limiter.count("a", second * 1000));
}

describe("more than the limit within the window", () => {
  test("the one after the limit begins a block", () => {
    expect(verdicts([0, 1, 2, 3, 4])).toEqual(["pass", "pass", "pass", "begins", "blocked"]);
  });

  test("as many as the limit in every window never do", () => {
    expect(verdicts([0, 20, 40, 61, 81, 101, 122])).not.toContain("begins");
  });

  test("the window slides: a burst across its edge counts whole", () => {
    expect(verdicts([0, 58, 59, 60.5, 61])).toEqual(["pass", "pass", "pass", "pass", "begins"]);
  });

  test("the edge of the window belongs to it", () => {
    expect(verdicts([0, 1, 2, 60]).at(-1)).toBe("begins");
    expect(verdicts([0, 1, 2, 60.001]).at(-1)).toBe("pass");
  });
});

describe("a block", () => {
  test("ends after its time, and the count starts again", () => {
    expect(verdicts([0, 0, 0, 0, 299, 300, 301, 302, 303])).toEqual([
      "pass",
      "pass",
      "pass",
      "begins",
      "blocked",
      "pass",
      "pass",
      "pass",
      "begins",
    ]);
  });

  test("is not made longer by events in it", () => {
    const limiter = new RateLimiter(LIMIT, never);
    verdicts([0, 0, 0, 0, 100, 200, 299], limiter);
    expect(limiter.isBlocked("a", 299_999)).toBe(true);
    expect(limiter.isBlocked("a", 300_000)).toBe(false);
  });

  test("is for its source alone", () => {
    const limiter = new RateLimiter(LIMIT, never);
    verdicts([0, 0, 0, 0], limiter);
    expect(limiter.count("b", 0)).toBe("pass");
    expect(limiter.isBlocked("c", 0)).toBe(false);
  });
});

describe("an event taken back", () => {
  test("has not counted", () => {
    const limiter = new RateLimiter(LIMIT, never);
    verdicts([0, 1, 2], limiter);
    limiter.takeBack("a", 1000);
    expect(verdicts([3, 4], limiter)).toEqual(["pass", "begins"]);
  });

  test("ends the block that it made begin, whichever of them it was", () => {
    for (const second of [0, 1, 2, 3]) {
      const limiter = new RateLimiter(LIMIT, never);
      verdicts([0, 1, 2, 3], limiter);
      limiter.takeBack("a", second * 1000);
      expect(verdicts([4], limiter)).toEqual(["begins"]);
    }
  });

  test("ends no block without it", () => {
    const limiter = new RateLimiter(LIMIT, never);
    verdicts([0, 1, 2, 3, 4], limiter);
    limiter.takeBack("a", 4000);
    limiter.takeBack("b", 0);
    expect(limiter.isBlocked("a", 5000)).toBe(true);
  });

  test("leaves those after it in their order", () => {
    const limiter = new RateLimiter(LIMIT, never);
    expect(verdicts([0, 30, 59, 75, 91], limiter)).not.toContain("begins");
    limiter.takeBack("a", 75_000);
    expect(verdicts([92, 118], limiter)).toEqual(["pass", "begins"]);
  });
});

describe("T21 a thousand sources and no more", () => {
  function counting() {
    const seen = { evicted: 0 };
    const limiter = new RateLimiter(LIMIT, () => {
      seen.evicted += 1;
    });
    const block = (source: string, now: number) => {
      for (let n = 0; n < 4; n++) limiter.count(source, now);
    };
    return { limiter, seen, block };
  }

  test("the one that was quiet longest is forgotten", () => {
    const { limiter, seen } = counting();
    for (const source of ["first", "second"]) {
      for (let n = 0; n < 3; n++) limiter.count(source, 0);
    }
    for (let n = 2; n < MAX_SOURCES; n++) limiter.count(`10.0.0.${n}`, 0);
    expect(seen.evicted).toBe(0);
    expect(limiter.count("first", 1)).toBe("begins");
    limiter.count("one more", 1);
    expect(seen.evicted).toBe(1);
    // It counts from nothing again.
    expect(limiter.count("second", 1)).toBe("pass");
  });

  test("a flood of addresses lifts no block", () => {
    const { limiter, block } = counting();
    block("attacker", 0);
    for (let n = 0; n < 100_000; n++) expect(limiter.count(`source ${n}`, 1)).toBe("pass");
    expect(limiter.count("attacker", 2)).toBe("blocked");
  });

  test("blocks that have ended make room before anybody who is counted", () => {
    const { limiter, seen, block } = counting();
    for (let n = 0; n < 500; n++) block(`blocked ${n}`, 0);
    for (let n = 0; n < 1000; n++) limiter.count(`source ${n}`, 300_000);
    expect(seen.evicted).toBe(0);
    limiter.count("one more", 300_000);
    expect(seen.evicted).toBe(1);
  });

  test("when all of them are blocked, the block that ends first gives way", () => {
    const { limiter, seen, block } = counting();
    for (let n = 0; n < MAX_SOURCES; n++) block(`source ${n}`, n);
    expect(seen.evicted).toBe(0);
    block("one more", 1000);
    expect(seen.evicted).toBe(1);
    expect(limiter.isBlocked("source 0", 1001)).toBe(false);
    expect(limiter.isBlocked("source 1", 1001)).toBe(true);
    expect(limiter.isBlocked("one more", 1001)).toBe(true);
  });

  test("a source keeps as many moments as its limit, and the oldest is overwritten", () => {
    const limiter = new RateLimiter({ limit: 2, window: 10, block: 10 }, never);
    expect(verdicts([0, 6, 11, 17, 22, 28, 29], limiter)).toEqual([
      ...Array(6).fill("pass"),
      "begins",
    ]);
  });
});
