/** Which of two versions is older. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareVersions, parseVersion } from "../../../src/core/version-order.ts";

function order(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (left === undefined || right === undefined) throw new Error(`${a} or ${b} is no version`);
  return Math.sign(compareVersions(left, right));
}

test("each is older than the next", () => {
  const versions = [
    "0.8",
    "0.8.1",
    "0.10",
    "1.0.0-1",
    "1.0.0-0x",
    "1.0.0-rc",
    "1.0.0-rc.2",
    "1.0.0-rc.10",
    "1.0.0-rc.x",
    "1",
    "1.0.0.1",
    "1.1",
    "10.0",
  ];
  for (const [at, version] of versions.entries()) {
    for (const [other, another] of versions.entries()) {
      expect([version, another, order(version, another)]).toEqual([
        version,
        another,
        Math.sign(at - other),
      ]);
    }
  }
});

test.each([
  ["1.1", "1.1.0"],
  ["v1.1", "1.1"],
  ["1.1.0+abc", "1.1.0+def"],
  ["1.01", "1.1"],
])("%s is %s", (a, b) => {
  expect(order(a, b)).toBe(0);
});

test.each([
  "",
  "x",
  "1.",
  ".1",
  "1..2",
  "1.2.3.4.5",
  "1-",
  "1 ",
  "1.1.0-rc_1",
  "1".repeat(10),
  "1\n",
])("%j is not a version", (text) => {
  expect(parseVersion(text)).toBeUndefined();
});

const version = fc
  .tuple(
    fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
    fc.array(fc.constantFrom("rc", "beta", "1", "2", "10"), { maxLength: 3 }),
  )
  .map(
    ([numbers, before]) => numbers.join(".") + (before.length > 0 ? `-${before.join(".")}` : ""),
  );

test("it is an order: of three, whatever they are", () => {
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      expect(order(a, a)).toBe(0);
      expect(order(a, b)).toBe(-order(b, a) + 0);
      if (order(a, b) <= 0 && order(b, c) <= 0) expect(order(a, c)).toBeLessThanOrEqual(0);
    }),
  );
});
