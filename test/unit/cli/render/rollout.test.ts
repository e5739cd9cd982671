/** Where a rollout is, in the words of status and wait, and what those who watch it are told. */
import { expect, test } from "bun:test";
import { batchOf, newsText, rolloutNotes, whereText } from "../../../../src/cli/render/rollout.ts";
import type { RolloutReport } from "../../../../src/core/rollout.ts";
import { pendingHosts, type RunReportSoFar } from "../../../../src/core/run-report.ts";
import { withoutResult } from "../../../../src/core/run-result.ts";
import type { RunState } from "../../../../src/core/run-state.ts";

const HOSTS = ["web-01", "web-02", "web-03"];
const REQID = "a1b2c3d4e5f60718";
const CHECK = "0718a1b2c3d4e5f6";
const OWN = { file: "/etc/ctrl-exec/ctrl-exec.conf", pairing_port: 7444 };
const FAR = { batches: 3, begun: 1, not_started: 0 };
const BOB = { by: "bob", since: "2026-01-15T12:00:00Z" };

/** @param states of each host; without one it has no result */
function run(
  states: readonly (RunState | undefined)[],
  rollout: RolloutReport | undefined,
  more: Partial<RunReportSoFar> = {},
): RunReportSoFar {
  const results = HOSTS.flatMap((host, at) => {
    const state = states[at];
    return state === undefined
      ? []
      : [withoutResult({ script: "deploy", reqid: REQID }, host, "", { state, error: "e" })];
  });
  const pending = pendingHosts(HOSTS, results);
  const times = { started: "2026-01-15T12:00:00Z", completed: null };
  const head = { reqid: REQID, script: "deploy", submitter: "tester", ...times };
  const complete = pending.length === 0;
  return {
    ...head,
    hosts: HOSTS,
    results,
    pending,
    complete,
    ...(rollout && { rollout }),
    ...more,
  };
}

const RUNNING = [undefined, "queued", "queued"] as const;
const BETWEEN = ["ended", "queued", "queued"] as const;
const OVER = ["ended", "ended", "ended"] as const;
const LEFT = ["ended", "not-started", "not-started"] as const;

test.each([
  [RUNNING, undefined, ""],
  [RUNNING, FAR, "Batch 1 of 3 is under way\n"],
  [["queued", "queued", "queued"], { ...FAR, begun: 0 }, "No batch of 3 has begun\n"],
  [
    BETWEEN,
    { ...FAR, checking: CHECK },
    `Batch 1 of 3: its check is under way; see: ctrl-exec status ${CHECK}\n`,
  ],
  [BETWEEN, FAR, "Batch 1 of 3 has ended\n"],
  [
    BETWEEN,
    { ...FAR, next_at: "2026-01-15T12:30:00Z" },
    "Batch 1 of 3 has ended; the next begins at 2026-01-15T12:30:00Z\n",
  ],
  [OVER, { ...FAR, begun: 3 }, ""],
  [
    OVER,
    { ...FAR, begun: 3, checking: CHECK },
    `Batch 3 of 3: its check is under way; see: ctrl-exec status ${CHECK}\n`,
  ],
  [
    LEFT,
    { ...FAR, not_started: 2, stopped: "after batch 1 of 3: 1 host failed" },
    "Stopped after batch 1 of 3: 1 host failed\n",
  ],
  [
    LEFT,
    { ...FAR, not_started: 2, stopped: "after batch 1 of 3: it was cancelled", checking: CHECK },
    `Stopped after batch 1 of 3: it was cancelled. Its check may go on; see: ctrl-exec status ${CHECK}\n`,
  ],
] as const)("where it is, or why it stopped: %#", (states, rollout, text) => {
  expect(whereText(run(states, rollout), OWN)).toBe(text);
});

test.each([
  [RUNNING, undefined, {}, undefined],
  [RUNNING, FAR, {}, { number: 1, of: 3, toCome: 2 }],
  // A batch that has begun goes on.
  [RUNNING, FAR, { paused: BOB }, { number: 1, of: 3, toCome: 2 }],
  [BETWEEN, FAR, { paused: BOB }, { number: 1, of: 3, toCome: 2, doing: "paused" }],
  [BETWEEN, FAR, {}, { number: 1, of: 3, toCome: 2, doing: "ended" }],
  [
    BETWEEN,
    { ...FAR, checking: CHECK },
    { paused: BOB },
    { number: 1, of: 3, toCome: 2, doing: "check" },
  ],
] as const)("hosts that wait for their batch are to come, and are not out: %#", (...row) => {
  const [states, rollout, more, batch] = row;
  expect(batchOf(run(states, rollout, more))).toEqual(batch);
});

test("who waits is told of each pause once, and who ended it", () => {
  let said = "";
  const look = rolloutNotes(OWN, (text) => {
    said += text;
  });
  const looks: readonly Partial<RunReportSoFar>[] = [
    ...[{}, { paused: BOB }, { paused: BOB }],
    ...[{ continued: { ...BOB, by: "carol" } }, { continued: { ...BOB, by: "carol" } }],
    ...[{ paused: { ...BOB, since: "2026-01-15T12:05:00Z" } }, {}],
  ];
  for (const more of looks) look(run(BETWEEN, FAR, more));
  const option = `To go on: ctrl-exec continue ${REQID}\n`;
  expect(said).toBe(
    `Paused by bob at 2026-01-15T12:00:00Z. ${option}Continued by carol at 2026-01-15T12:00:00Z\nPaused by bob at 2026-01-15T12:05:00Z. ${option}Not paused any more\n`,
  );
});

test("whose rollout it is says by whom it is continued, if that is known", () => {
  const news = { event: "continued", reqid: REQID, batch: 2, of: 3 } as const;
  expect(newsText({ ...news, by: "bob" }, OWN)).toBe("continued by bob: batch 2 of 3 may begin\n");
  expect(newsText({ ...news, by: "" }, OWN)).toBe("continued: batch 2 of 3 may begin\n");
});
