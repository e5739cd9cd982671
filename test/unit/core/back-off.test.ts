import { expect, test } from "bun:test";
import { pauseBefore } from "../../../src/core/back-off.ts";

const ALMOST_ONE = 1 - Number.EPSILON;

test("a peer that hangs up at once is not dialled at once, and one that is back is found within 30 seconds", () => {
  for (const failed of [0, 1, 2, 3, 100]) {
    expect(pauseBefore(failed, 0)).toBeGreaterThanOrEqual(500);
    expect(pauseBefore(failed, ALMOST_ONE)).toBeLessThanOrEqual(30_000);
  }
  expect(pauseBefore(0, ALMOST_ONE)).toBe(10_000);
  expect(pauseBefore(1, ALMOST_ONE)).toBe(20_000);
});

test("ten thousand that lose their hub at one moment come back one after another", () => {
  const spread = Array.from({ length: 10_000 }, (_, at) => pauseBefore(0, at / 10_000));
  const inOneSecond = Map.groupBy(spread, (ms) => Math.floor(ms / 1000));
  const most = Math.max(...[...inOneSecond.values()].map(({ length }) => length));
  expect(most).toBeLessThan(1_100);
});
