/** Of a recorded run: who still waits for it, which of its hosts are open, and who submitted it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { utimesSync } from "node:fs";
import { amendRun } from "../../../../src/controller/store/amend-run.ts";
import type { StoreContext } from "../../../../src/controller/store/host.ts";
import { FileRollouts } from "../../../../src/controller/store/rollout-files.ts";
import { listRuns } from "../../../../src/controller/store/run-index.ts";
import {
  readOpenRun,
  readRunRecord,
  submitterOf,
} from "../../../../src/controller/store/stored-runs.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { isoSeconds } from "../../../../src/core/time.ts";
import { identify } from "../../../../src/system/process/process-id.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";

const REQID = "0123456789abcdef";

let folder: TestFolder;
let log: EventLog<"ctrl-exec">;
let context: StoreContext;
let now: Date;
beforeEach(async () => {
  folder = new TestFolder();
  log = new EventLog("ctrl-exec");
  now = new Date(Math.floor(Date.now() / 1000) * 1000);
  const text = `state_dir = ${folder.path}\nrun_retention = 1000\n`;
  const { config } = await parseControllerConfig("x.conf", text);
  context = { config, log: log.log, now: () => now };
});
afterEach(() => folder[Symbol.dispose]());

const account = () => new ReplyBudget(2 ** 30).open();
const result = (host: string, end: object = {}): RunResult =>
  ({
    ...{ host, script: "s", exit: 0, stdout: "", stderr: "", rtt: "1ms", reqid: REQID },
    ...{ state: "ended", ...end },
  }) as RunResult;

/** @param age in milliseconds */
function write(changes: object = {}, age = 0): void {
  const run = { reqid: REQID, submitter: "alice", script: "s", hosts: ["a", "b"], results: [] };
  const rest = { completed: null, complete: false, started: "2026-01-01T00:00:00Z" };
  const text = JSON.stringify({ ...run, ...rest, ...changes });
  const time = new Date(now.getTime() - age);
  utimesSync(folder.write(`runs/${REQID}.json`, text), time, time);
}

const read = async () => await readOpenRun(context, REQID, account());

describe("somebody waits for a run", () => {
  const own = identify(process.pid);

  test.each<[string, object, number, boolean]>([
    ["whose process lives", { writer: own }, 0, true],
    ["and touches its record once a minute", { writer: own }, 60_000, true],
    ["not, if it has been untouched for longer", { writer: own }, 60_001, false],
    [
      "not, if its process has gone",
      { writer: { ...own, start: (own?.start ?? 0) + 1 } },
      0,
      false,
    ],
    ["not, if its process has let it go", { writer: null }, 0, false],
    ["of 1.0, which does not say who", {}, 0, true],
    ["not, if it is complete", { writer: own, complete: true }, 0, false],
  ])("%s", async (_, changes, age, alive) => {
    write(changes, age);
    expect((await read())?.alive).toBe(alive);
  });
});

test("a host without a result has none as long as somebody may still record it", async () => {
  write({ results: [result("a")] }, 60_000);
  expect((await read())?.report).toMatchObject({
    complete: false,
    completed: null,
    pending: ["b"],
    results: [{ host: "a" }],
  });
  for (const [changes, age] of [
    [{}, 60_001],
    [{ writer: null }, 0],
    [{ complete: true }, 0],
  ] as const) {
    write({ results: [result("a")], ...changes }, age);
    expect((await read())?.report).toMatchObject({
      complete: true,
      completed: isoSeconds(new Date(now.getTime() - age)),
      pending: [],
      results: [{ host: "a" }, { host: "b", state: "unknown", exit: -1 }],
    });
  }
  const completed = "2026-01-01T00:00:09Z";
  write({ results: [result("a")], complete: true, completed });
  expect((await read())?.report.completed).toBe(completed);
});

test("those hosts are open whose end is not recorded, each at the port at which it was called", async () => {
  const hosts = ["ended", "lost", "never-ran", "running", "queued", "unknown", "none"];
  const results = hosts
    .slice(0, -1)
    .map((state) => result(state, { state, exit: -1, error: "why" }));
  write({ hosts, results, ports: [1, 2, 3, 7450, null, 6, null], writer: null });
  const found = await read();
  expect(found?.open).toEqual([
    { host: "running", port: 7450 },
    { host: "queued", port: undefined },
    { host: "unknown", port: 6 },
    { host: "none", port: undefined },
  ]);
  expect(found?.asked.map(({ host }) => host)).toEqual(hosts);
  write({ hosts: ["a"] });
  expect((await read())?.open).toEqual([{ host: "a", port: undefined }]);
});

test("where the script has begun counts as long as somebody waits for it", async () => {
  const begun = [null, "2026-01-15T12:00:00Z"];
  write({ writer: identify(process.pid), begun });
  expect((await read())?.begun).toEqual(new Map([["b", "2026-01-15T12:00:00Z"]]));
  write({ writer: null, begun });
  expect((await read())?.begun).toEqual(new Map());
});

test("a rollout waits for whoever goes on with it until it is complete, or somebody does", async () => {
  const owned = await new FileRollouts(context).own(REQID);
  await owned?.keep({
    ...{ args: [], face: "api", username: "alice", sourceIp: "127.0.0.1", hasToken: false },
    ...{ registered: [], mayFail: 0 },
  });
  await owned?.leave();
  const facts = { batch: [{ hosts: 1 }], max_failures: { hosts: 0 }, pause: 0, per_tag: {} };
  const rollout = { ...facts, check: "", batches: [[0], [1]], begun: 1, waiting: ["b"] };
  const states: unknown[] = [];
  for (const how of [{}, { writer: identify(process.pid) }, { complete: true }]) {
    write({ rollout, writer: null, ...how });
    const found = await read();
    states.push([found?.detached, found?.alive]);
  }
  expect(states).toEqual([
    [true, true],
    [false, true],
    [false, false],
  ]);
  const error = expect.stringContaining("before the batch of this host began");
  const last = { host: "b", state: "not-started", error };
  expect((await read())?.report.results).toContainEqual(expect.objectContaining(last));
});

test("a rollout with which a process goes on is its own, however long that was stopped", async () => {
  const facts = { batch: [{ hosts: 1 }], max_failures: { hosts: 0 }, pause: 0, per_tag: {} };
  const rollout = { ...facts, check: "", batches: [[0], [1]], begun: 1, waiting: ["b"] };
  const owned = await new FileRollouts(context).own(REQID);
  write({ rollout, writer: { pid: process.pid, start: 0, boot: "another" } }, 120_000);
  const states = async () => {
    const { runs } = await listRuns(context, { limit: 1 });
    const found = await read();
    return [found?.alive, found?.report.results[0]?.state, runs[0]?.hosts[1]?.state];
  };
  expect(await states()).toEqual([true, "queued", "queued"]);
  // Otherwise it would find the record in the hands of another, and go on with nothing.
  expect(await amendRun(context, REQID, [result("a")], account())).toBe(false);
  await owned?.leave();
  expect(await states()).toEqual([false, "not-started", "not-started"]);
  expect(await amendRun(context, REQID, [result("a")], account())).toBe(true);
});

test("a run is paused as long as somebody goes on with it", async () => {
  const wish = { by: "bob", since: "2026-01-15T12:00:00Z" };
  folder.write(`rollouts/${REQID}.pause`, JSON.stringify(wish));
  write({ writer: identify(process.pid) });
  expect((await read())?.report.paused).toEqual(wish);
  write({ writer: null });
  expect((await read())?.report.paused).toBeUndefined();
});

test("a run is known up to the last moment of run_retention", async () => {
  write({ complete: true }, 1_000_000);
  expect(await readRunRecord(context, REQID, account())).toMatchObject({ reqid: REQID });
  expect(await submitterOf(context, REQID)).toBe("alice");
  write({ complete: true }, 1_000_001);
  expect(await readRunRecord(context, REQID, account())).toBeUndefined();
  expect(await submitterOf(context, REQID)).toBeUndefined();
});

test.each([
  [`{"reqid":"${REQID}","submitter":"a\\"b\\\\","x":`, 'a"b\\'],
  [`{"reqid":"${REQID}","submitter":"","script":"s"}`, ""],
  [`{"reqid":"${REQID}","script":"s","submitter":"alice"}`, undefined],
  [`{"reqid":"../x","submitter":"alice",`, undefined],
  ["", undefined],
])("T67 who submitted a run is read from the beginning of its record: %s", async (text, name) => {
  folder.write(`runs/${REQID}.json`, text);
  expect(await submitterOf(context, REQID)).toBe(name as string);
});

describe("what agents tell later", () => {
  const amend = async (...told: readonly RunResult[]) =>
    await amendRun(context, REQID, told, account());
  const started = "2026-01-01T00:00:01Z";

  test("takes the place of what was recorded of these hosts; the run is complete when all have ended", async () => {
    write({ results: [result("b", { state: "running", exit: -1 })], writer: null });
    expect(await amend(result("a", { state: "running", exit: -1, started }))).toBe(true);
    expect((await read())?.report).toMatchObject({
      complete: false,
      completed: null,
      pending: ["a", "b"],
      results: [{ host: "a", state: "running", started }, { host: "b" }],
    });
    expect(await amend(result("b", { exit: 3 }), result("a"))).toBe(true);
    expect((await read())?.report).toMatchObject({
      complete: true,
      completed: isoSeconds(now),
      results: [
        { host: "a", state: "ended", exit: 0 },
        { host: "b", state: "ended", exit: 3 },
      ],
      submitter: "alice",
    });
    now = new Date(now.getTime() + 5000);
    const before = (await read())?.report.completed;
    expect(await amend(result("a", { exit: 1 }))).toBe(true);
    expect((await read())?.report.completed).toBe(before as string);
  });

  test("is not recorded where a process does so itself, or there is no such run", async () => {
    write({ writer: identify(process.pid) });
    expect(await amend(result("a"))).toBe(false);
    expect((await read())?.report.results).toEqual([]);
    expect(await amendRun(context, "00000000000000ff", [result("a")], account())).toBe(false);
    expect(log.events).toEqual([]);
  });

  test("T22 is logged if it cannot be recorded", async () => {
    folder.write(`runs/${REQID}.json`, "{");
    expect(await amend(result("a"))).toBe(false);
    expect(log.events).toMatchObject([{ action: "run-store-fail", fields: { REQID } }]);
  });
});
