import { expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import { draw } from "../../../src/core/random.ts";

const TEN = Array.from({ length: 10 }, (_, index) => index);

test("some of them, none twice, as the lot says", () => {
  expect(draw(TEN, 3, () => 0)).toEqual([0, 1, 2]);
  expect(draw(TEN, 3, (bound) => bound - 1)).toEqual([9, 8, 7]);
  expect(draw(TEN, 3, () => 4)).toEqual([4, 5, 6]);
  expect(new Set(draw(TEN, 7, randomInt)).size).toBe(7);
});

test("all when there are no more", () => {
  expect(draw(TEN, 10, randomInt).sort()).toEqual(TEN);
  expect(draw(TEN, 99, randomInt).sort()).toEqual(TEN);
  expect(draw([], 3, randomInt)).toEqual([]);
});

test("T68 each is as likely as any other", () => {
  const counts = TEN.map(() => 0);
  for (let round = 0; round < 10_000; round++) {
    for (const item of draw(TEN, 3, randomInt)) counts[item] = (counts[item] ?? 0) + 1;
  }
  // 3,000 each; 45 is one standard deviation.
  for (const count of counts) expect(Math.abs(count - 3000)).toBeLessThan(400);
});
