/** How many of the hosts are taken. */
import { expect, test } from "bun:test";
import { parseSampleSize, sampleOf, sizeProblem } from "../../../../src/core/hosts/sample-size.ts";

test.each([
  ["10", { hosts: 10 }],
  ["999999", { hosts: 999_999 }],
  ["1%", { percent: 1 }],
  ["100%", { percent: 100 }],
])("%s is a size", (text, size) => {
  expect(parseSampleSize(text)).toEqual(size as never);
});

test.each(["", "0", "0%", "101%", "-1", "1.5", "1000000", "10 %", "ten"])("%p is not", (text) => {
  expect(parseSampleSize(text)).toBeUndefined();
});

test("never more than there are, and a part of one is one", () => {
  expect(sampleOf({ hosts: 3 }, 10)).toBe(3);
  expect(sampleOf({ hosts: 30 }, 10)).toBe(10);
  expect(sampleOf({ percent: 25 }, 10)).toBe(3);
  expect(sampleOf({ percent: 100 }, 1000)).toBe(1000);
  expect(sampleOf({ percent: 1 }, 10)).toBe(1);
  expect(sampleOf({ percent: 50 }, 0)).toBe(0);
});

test.each([
  ["200%", "200% is not between 1% and 100%"],
  ["0%", "0% is not between 1% and 100%"],
  ["0", "0 is nobody"],
  ["1000000", "1000000 is more than 999999 hosts"],
  ["1.5", '"1.5" is neither a number of hosts nor a percentage'],
  ["", '"" is neither a number of hosts nor a percentage'],
])("why %p is not a size", (text, why) => {
  expect(sizeProblem(text)).toBe(why);
});
