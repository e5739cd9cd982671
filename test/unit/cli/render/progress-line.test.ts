/** How far a run is, on terminals of any width. */
import { expect, test } from "bun:test";
import { progressLine } from "../../../../src/cli/render/progress-line.ts";
import type { RunOutcome } from "../../../../src/core/run-outcome.ts";

const WEB = Array.from({ length: 30 }, (_, index) => `web-${String(index + 1).padStart(2, "0")}`);
const ended = (...counts: readonly [RunOutcome, number][]) => new Map(counts);
const outcomes = ended(["ok", 9], ["failed", 3]);
const RUN = { total: 500, done: 12, outcomes, seconds: 34, waitingFor: WEB };
const OTHERS = ["alpha.example.com", "beta.example.com", "gamma.example.com", "delta.example.com"];

test.each([
  [79, RUN, "12 of 500 done, 3 failed, 488 out, 34s; slowest: web-[01-30]"],
  [39, RUN, "12/500, 3 failed; web-[01-30]"],
  [
    79,
    { ...RUN, outcomes: ended(["ok", 12]) },
    "12 of 500 done, 488 out, 34s; slowest: web-[01-30]",
  ],
  // Where a script did not run, it has not failed.
  [
    79,
    { ...RUN, outcomes: ended(["never-ran", 2], ["ok", 9], ["failed", 1]) },
    "12 of 500 done, 1 failed, 2 never-ran, 488 out, 34s; slowest: web-[01-30]",
  ],
  [
    79,
    { ...RUN, batch: { number: 5, of: 5, toCome: 0 } },
    "batch 5 of 5, 12 of 500 done, 3 failed, 488 out, 34s; slowest: web-[01-30]",
  ],
  [
    60,
    { ...RUN, batch: { number: 5, of: 5, toCome: 0 } },
    "batch 5/5, 12/500 done, 3 failed, 488 out; web-[01-30]",
  ],
  [
    90,
    { ...RUN, batch: { number: 2, of: 5, toCome: 400 }, waitingFor: ["web-01"] },
    "batch 2 of 5, 12 of 500 done, 3 failed, 88 out, 400 to come, 34s; slowest: web-01",
  ],
  // Between two batches nobody is out.
  [
    79,
    { ...RUN, batch: { number: 2, of: 5, toCome: 488 }, waitingFor: [] },
    "batch 2 of 5, 12 of 500 done, 3 failed, 488 to come, 34s",
  ],
  [
    79,
    { ...RUN, batch: { number: 2, of: 5, toCome: 488, doing: "check" as const }, waitingFor: [] },
    "batch 2 of 5 (check), 12 of 500 done, 3 failed, 488 to come, 34s",
  ],
  [
    50,
    { ...RUN, batch: { number: 2, of: 5, toCome: 488, doing: "paused" as const }, waitingFor: [] },
    "batch 2/5 (paused), 12/500, 3 failed",
  ],
  // At least three are named before more is said of numbers.
  [
    79,
    { ...RUN, waitingFor: OTHERS },
    "12/500, 3 failed; alpha.example.com,beta.example.com,gamma.example.com",
  ],
  [79, { ...RUN, waitingFor: ["a"] }, "12 of 500 done, 3 failed, 488 out, 34s; slowest: a"],
  // If none of that fits, as many names as do.
  [50, { ...RUN, waitingFor: OTHERS }, "12/500 done, 3 failed, 488 out; alpha.example.com"],
  [40, { ...RUN, waitingFor: OTHERS }, "12/500, 3 failed; alpha.example.com"],
  [79, { ...RUN, waitingFor: [] }, "12 of 500 done, 3 failed, 488 out, 34s"],
  [34, { ...RUN, waitingFor: [] }, "12/500 done, 3 failed, 488 out"],
  [20, { ...RUN, waitingFor: [] }, "12/500, 3 failed"],
  [10, { ...RUN, waitingFor: [] }, "12 of 500 "],
  [20, { ...RUN, waitingFor: OTHERS }, "12/500, 3 failed"],
] as const)("in %d columns", (width, run, line) => {
  expect(progressLine(run, width)).toBe(line);
  expect(line.length).toBeLessThanOrEqual(width);
});

test("T74 a host's name draws nothing", () => {
  const line = progressLine({ ...RUN, waitingFor: ["a\u001b[2J\r"] }, 79);
  expect(line).toEndWith("; slowest: a^[[2J^M");
});
