import { expect, test } from "bun:test";
import { daysToTell } from "../../../../src/core/notices/certificate-days.ts";
import { addDays } from "../../../../src/core/time.ts";

const NOW = new Date("2026-01-15T12:00:00Z");

function told(of: Parameters<typeof daysToTell>[0], left: number, renewedBefore?: number) {
  const expires = addDays(NOW, left);
  const due = renewedBefore === undefined ? undefined : addDays(expires, -renewedBefore);
  return daysToTell(of, expires, NOW, due);
}

test("the smallest threshold counts, to the moment", () => {
  expect([14.001, 14, 7.001, 7, 3, 1, 0.5, 0, -300].map((left) => told("api", left))).toEqual([
    undefined,
    14,
    14,
    7,
    3,
    1,
    1,
    0,
    0,
  ]);
});

test("the CA's end is told three months ahead, since every host must be paired again", () => {
  expect([91, 90, 30, 14].map((left) => told("ca", left))).toEqual([undefined, 90, 30, 14]);
});

test("a certificate that is renewed later than a threshold is not late yet", () => {
  expect([13, 6, 2.5, 0.5, 0].map((left) => told("agent", left, 2))).toEqual([
    undefined,
    undefined,
    undefined,
    1,
    0,
  ]);
  expect(told("agent", 13, 120)).toBe(14);
});
