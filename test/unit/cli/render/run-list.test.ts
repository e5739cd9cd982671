import { expect, test } from "bun:test";
import { howItWent, runsTable } from "../../../../src/cli/render/run-list.ts";
import type { ListedHost } from "../../../../src/controller/store/ports/runs.ts";

const ok: ListedHost = { host: "web-01", state: "ended", exit: 0, failed: false };
const failed: ListedHost = { host: "web-02", state: "ended", exit: 3, failed: true };
const cancelled: ListedHost = { ...failed, cancelled: true };
const running: ListedHost = { host: "web-03", state: "running", exit: null, failed: false };
const unknown: ListedHost = { host: "web-04", state: "unknown", exit: -1, failed: true };
const refused: ListedHost = { host: "web-05", state: "never-ran", exit: -1, failed: true };

test.each<[readonly ListedHost[], string, string]>([
  [[ok, ok], "2 hosts", "ok"],
  [[failed], "web-02", "failed"],
  [[ok, cancelled], "1/2", "cancelled"],
  [[{ ...ok, cancelled: true }], "web-01", "ok"],
  [[ok, failed, ok, refused], "2/4", "failed, never-ran"],
  [[refused, unknown, ok], "2/3", "never-ran, unknown"],
  [[ok, unknown, unknown], "2/3", "unknown"],
  [[refused, failed, running, running], "4/4", "running, failed, never-ran"],
])("how it went: %#", (hosts, count, result) => {
  expect(howItWent(hosts)).toEqual([count, result]);
});

test("a row each, in which no name draws another (T74)", () => {
  const run = { reqid: "a1b2c3d4e5f60718", started: "2026-01-15T12:00:00Z", completed: null };
  const table = runsTable({ outIsTerminal: false, columns: 40 }, [
    { ...run, script: "deploy", submitter: "alice", hosts: [ok] },
    { ...run, script: "x\u001b[2J\nforged", submitter: "bob\u009b", hosts: [ok, failed] },
  ]);
  const lines = table.trimEnd().split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[2]).toMatch(/^a1b2c3d4e5f60718 {2}2026-01-15T12:00Z {2}alice +deploy +web-01 +ok$/);
  expect(lines[3]).toContain("bob<U+009B>  x^[[2J forged  1/2     failed");
});

test("a rollout that is paused, or that nobody carries out, says so, and a check of which it is one", () => {
  const run = { reqid: "a1b2c3d4e5f60718", started: "2026-01-15T12:00:00Z", completed: null };
  const of = { ...run, script: "deploy", submitter: "alice", hosts: [running] };
  const paused = { by: "bob", since: "2026-01-15T12:00:00Z" };
  const table = runsTable({ outIsTerminal: false, columns: 40 }, [
    { ...of, waits_for_api: true },
    { ...of, paused, waits_for_api: true },
    { ...of, waits_for_token: true },
    { ...of, hosts: [ok], check_of: "0718a1b2c3d4e5f6" },
  ]);
  const ends = table.trimEnd().split("\n").slice(2);
  expect(ends[0]).toEndWith(" running, waits for ctrl-exec-api");
  expect(ends[1]).toEndWith(" running, paused, waits for ctrl-exec-api");
  expect(ends[2]).toEndWith(" running, waits for its token");
  expect(ends[3]).toEndWith(" ok, check of 0718a1b2c3d4e5f6");
});
