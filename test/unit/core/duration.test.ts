import { expect, test } from "bun:test";
import { durationSeconds, typedSeconds } from "../../../src/core/duration.ts";

test.each([
  ["90s", 90],
  ["15m", 900],
  ["2h", 7200],
  ["30d", 2_592_000],
  ["0s", 0],
  ["999999d", 86_399_913_600],
])("%s", (text, seconds) => {
  expect([durationSeconds(text), typedSeconds(text)]).toEqual([seconds, seconds]);
});

test("a number alone is seconds where it is typed as a length of time, and nothing elsewhere", () => {
  expect(["0", "90", "999999999"].map(typedSeconds)).toEqual([0, 90, 999_999_999]);
  expect(["0", "90"].map(durationSeconds)).toEqual([undefined, undefined]);
});

test.each([
  "",
  "m",
  "-1",
  "1.5h",
  "2 h",
  "2w",
  "2H",
  "1h30m",
  "1000000s",
  "1000000000",
  "1e3",
  "٣",
])("not %p", (text) => {
  expect([durationSeconds(text), typedSeconds(text)]).toEqual([undefined, undefined]);
});
