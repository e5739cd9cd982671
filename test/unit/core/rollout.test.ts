/** How a rollout is typed. */
import { expect, test } from "bun:test";
import {
  allowedFailures,
  batchProblem,
  batchSize,
  parseBatch,
  parseMaxFailures,
  parsePerTag,
  perTagProblem,
} from "../../../src/core/rollout.ts";

test("sizes are numbers and percentages", () => {
  expect(parseBatch("1,10%, 100%")).toEqual([{ hosts: 1 }, { percent: 10 }, { percent: 100 }]);
  const wrong = ["", "0", "0%", "101%", "1,", ",1", "1;2", "-1", "1.5", "ten", "1,".repeat(101)];
  expect(wrong.filter((text) => parseBatch(text) !== undefined)).toEqual([]);
});

test("part of a host is nobody, but a batch has one", () => {
  expect([1, 9, 10, 19, 20].map((total) => batchSize({ percent: 10 }, total))).toEqual([
    1, 1, 1, 1, 2,
  ]);
  expect(batchSize({ percent: 100 }, 7)).toBe(7);
  expect(batchSize({ hosts: 3 }, 2)).toBe(3);
});

test("so many may fail, and part of a host may not", () => {
  const allowed = (text: string, total: number) =>
    allowedFailures(parseMaxFailures(text) ?? { hosts: -1 }, total);
  expect([allowed("0", 9), allowed("0%", 9), allowed("3", 9)]).toEqual([0, 0, 3]);
  expect([allowed("5%", 19), allowed("5%", 20), allowed("5%", 40)]).toEqual([0, 1, 2]);
  const wrong = ["", "-1", "101%", "1.5", "some"];
  expect(wrong.filter((text) => parseMaxFailures(text) !== undefined)).toEqual([]);
});

test("bounds by tag", () => {
  expect(parsePerTag("rack=1")).toEqual({ rack: 1 });
  expect(parsePerTag("rack=1, zone=20")).toEqual({ rack: 1, zone: 20 });
  const wrong = ["", "rack", "rack=", "rack=0", "=1", "rack=1,rack=2", "rack=1,", "a b=1"];
  expect(wrong.filter((text) => parsePerTag(text) !== undefined)).toEqual([]);
});

test("of a bound by tag that is wrong, too", () => {
  expect(perTagProblem("rack=0")).toBe("0 is not between 1 and 999999");
  expect(perTagProblem("rack=1,zone=1000000")).toBe("1000000 is not between 1 and 999999");
  expect(perTagProblem("rack")).toBe('"rack" is not the key of a tag, = and a number of hosts');
  expect(perTagProblem("rack=1,rack=2")).toBe("it has a key twice");
});

test("the size that is wrong is named, and why", () => {
  expect(batchProblem("1,200%")).toBe("200% is not between 1% and 100%");
  expect(batchProblem("1,,2")).toBe('"" is neither a number of hosts nor a percentage');
  expect(batchProblem(`${"1,".repeat(100)}1`)).toBe("it has more than 100 sizes");
});
