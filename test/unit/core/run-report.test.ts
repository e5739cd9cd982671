import { expect, test } from "bun:test";
import { completedAt, pendingHosts } from "../../../src/core/run-report.ts";
import { changeError, runFailed, withoutResult } from "../../../src/core/run-result.ts";
import type { RunState } from "../../../src/core/run-state.ts";

const RUN = { script: "deploy", reqid: "0123456789abcdef" };

const resultOf = (host: string, state: RunState) =>
  withoutResult(RUN, host, "", { state, error: "x" });

test("a host is waited for until its end is known, in the order of the run", () => {
  const hosts = ["d", "a", "c", "b", "e"];
  const results = [resultOf("a", "ended"), resultOf("b", "running"), resultOf("c", "unknown")];
  expect(pendingHosts(hosts, results)).toEqual(["d", "b", "e"]);
  expect(pendingHosts(hosts, [...results, resultOf("d", "queued")])).toEqual(["d", "b", "e"]);
  expect(pendingHosts([], results)).toEqual([]);
});

test("a run has ended when its last host did, as far as hosts say so", () => {
  const endedAt = (...ends: (string | undefined)[]) =>
    completedAt(
      ends.map((ended) => ({
        ...resultOf("a", "ended"),
        ...(ended === undefined ? {} : { ended }),
      })),
      "now",
    );
  const [first, last] = ["2026-01-15T12:00:00Z", "2026-01-15T12:00:01.500Z"];
  expect(endedAt(first, last, undefined, "soon")).toBe("2026-01-15T12:00:01Z");
  expect(endedAt(last, first)).toBe("2026-01-15T12:00:01Z");
  expect(endedAt(undefined, "", "soon")).toBe("now");
});

test("a host that gave no result has one without an exit status", () => {
  expect(Object.entries(withoutResult(RUN, "a", "3ms", { state: "lost", error: "gone" }))).toEqual([
    ["host", "a"],
    ["script", "deploy"],
    ["exit", -1],
    ["stdout", ""],
    ["stderr", ""],
    ["rtt", "3ms"],
    ["reqid", RUN.reqid],
    ["state", "lost"],
    ["error", "gone"],
  ]);
});

test.each([
  [{ exit: 0 }, false],
  [{ exit: 1 }, true],
  [{ exit: -1 }, true],
  [{ exit: 0, error: "" }, true],
])("whether %j has failed: %p", (result, failed) => {
  expect(runFailed(result)).toBe(failed);
});

test("an error is changed where there is one, and nothing else is", () => {
  const failed = resultOf("a", "lost");
  expect(changeError(failed, (error) => `${error}!`)).toEqual({ ...failed, error: "x!" });
  const { error: _, ...ended } = { ...failed, state: "ended" as const };
  expect(changeError(ended, () => "never")).toEqual(ended);
});
