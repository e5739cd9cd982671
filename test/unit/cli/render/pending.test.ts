/** Which hosts of a run are said to be out, and in which words. */
import { expect, test } from "bun:test";
import { pendingStates, stillOut } from "../../../../src/cli/render/pending.ts";
import { pendingHosts, type RunReportSoFar } from "../../../../src/core/run-report.ts";
import { withoutResult } from "../../../../src/core/run-result.ts";

const HOSTS = ["web-01", "web-02", "web-03"];
const REQID = "a1b2c3d4e5f60718";

/** @param states of each host; without one it has no result */
function run(states: readonly ("queued" | "running" | "ended" | undefined)[]): RunReportSoFar {
  const results = HOSTS.flatMap((host, at) => {
    const state = states[at];
    const about = { script: "deploy", reqid: REQID };
    return state === undefined ? [] : [withoutResult(about, host, "", { state })];
  });
  const times = { started: "2026-01-15T12:00:00Z", completed: null };
  const head = { reqid: REQID, script: "deploy", submitter: "tester", ...times };
  return {
    ...{ ...head, hosts: HOSTS, results },
    ...{ pending: pendingHosts(HOSTS, results), complete: false },
  };
}

test.each([
  [["running", undefined, "ended"], "Still running (or not answered): web-01, web-02"],
  [
    ["running", "queued", "queued"],
    "Still running (or not answered): web-01; queued: web-02, web-03",
  ],
  [["ended", "queued", "queued"], "Queued: web-02, web-03"],
] as const)("only what may run is said to run: %#", (states, text) => {
  expect(stillOut(run(states))).toBe(text);
});

test("each state once, with its hosts", () => {
  expect(pendingStates(run(["queued", undefined, "queued"]))).toEqual([
    "queued: web-01, web-03",
    "no answer yet: web-02",
  ]);
});
