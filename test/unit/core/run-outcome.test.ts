import { expect, test } from "bun:test";
import { countOutcomes, outcomeOf, outcomeOfResult } from "../../../src/core/run-outcome.ts";

test.each([
  ["ended", false, false, "ok"],
  ["ended", false, true, "ok"],
  ["ended", true, false, "failed"],
  ["ended", true, true, "cancelled"],
  ["never-ran", true, false, "never-ran"],
  ["unknown", true, true, "unknown"],
  ["lost", true, false, "lost"],
  ["queued", false, false, "queued"],
  ["running", false, true, "running"],
] as const)("%s, failed %p, cancelled %p: %s", (state, failed, cancelled, outcome) => {
  expect(outcomeOf({ state, failed, cancelled })).toBe(outcome);
});

test("who does not say that it was cancelled says that it was not", () => {
  expect(outcomeOf({ state: "ended", failed: true })).toBe("failed");
  expect(outcomeOfResult({ state: "ended", exit: 1 })).toBe("failed");
});

test("a result has failed with any exit status but 0, and with any error", () => {
  expect(outcomeOfResult({ state: "ended", exit: 0 })).toBe("ok");
  expect(outcomeOfResult({ state: "ended", exit: 0, error: "x" })).toBe("failed");
  expect(outcomeOfResult({ state: "ended", exit: 126, cancelled: true })).toBe("cancelled");
});

test("outcomes are counted, successes first, and those that do not occur are left out", () => {
  expect(countOutcomes(["failed", "ok", "running", "ok", "lost"])).toEqual([
    ["ok", 2],
    ["lost", 1],
    ["failed", 1],
    ["running", 1],
  ]);
  expect(countOutcomes([])).toEqual([]);
});
