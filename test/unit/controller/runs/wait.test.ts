/** Waiting for a run: what is told on the way, and how it ends. */
import { expect, spyOn, test } from "bun:test";
import { authorizeRun } from "../../../../src/controller/access/authorize-run.ts";
import { waitFor } from "../../../../src/controller/runs/wait.ts";
import { watchRun } from "../../../../src/controller/runs/watch-run.ts";
import type { RunReportSoFar } from "../../../../src/core/run-report.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { until } from "../../../support/folder.ts";
import { leftRun, LEFT_REQID as REQID } from "../../../support/left-run.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { http10 } from "../../../support/peers.ts";

const HOSTS = ["web-01", "web-02"];

/** A run under way in this process, on two hosts. */
async function under() {
  const fleet = await LocalFleet.bare();
  const facts = { reqid: REQID, script: "deploy", submitter: "tester", token: "" };
  const record = await fleet.controller.store.runs.begin({ ...facts, hosts: HOSTS }, true);
  await record.stored;
  const add = (host: string, state = "ended") =>
    record.add({
      ...{ host, script: "deploy", exit: 0, stdout: "", stderr: "", rtt: "1ms", reqid: REQID },
      state,
    } as RunResult);
  const dispose = async () => {
    await record.close();
    await fleet[Symbol.asyncDispose]();
  };
  return { fleet, record, add, [Symbol.asyncDispose]: dispose };
}

const never = () => new AbortController().signal;

test("whoever waits is told of the run once, and of each host's end once", async () => {
  await using stage = await under();
  const begun: RunReportSoFar[] = [];
  const heard: string[] = [];
  const first = Promise.withResolvers<void>();
  const order = {
    ...{ reqid: REQID, signal: never() },
    onBegin: (run: RunReportSoFar) => void begun.push(run),
  };
  const waiting = waitFor(stage.fleet.controller, CALLER, order, ({ host }) => {
    heard.push(host);
    first.resolve();
  });
  stage.add("web-02");
  await first.promise;
  stage.add("web-01");
  await stage.record.close();
  expect(await waiting).toMatchObject({ complete: true, pending: [] });
  expect(heard).toEqual(["web-02", "web-01"]);
  expect(begun.map(({ pending }) => pending)).toEqual([HOSTS]);
});

test("who leaves is given the run as it is, at once", async () => {
  await using stage = await under();
  let once = 0;
  for await (const _ of watchRun(stage.fleet.controller, REQID, AbortSignal.abort())) once += 1;
  expect(once).toBe(1);
  const leave = new AbortController();
  const looks: RunReportSoFar[] = [];
  for await (const run of watchRun(stage.fleet.controller, REQID, leave.signal)) {
    looks.push(run);
    if (looks.length === 1) {
      stage.add("web-01");
      await stage.record.close();
      leave.abort();
    }
  }
  expect(looks.map(({ complete }) => complete)).toEqual([false, true]);
});

test("who leaves between two looks does not wait for the next", async () => {
  await using stage = await under();
  const leave = new AbortController();
  const sleep = spyOn(Bun, "sleep").mockImplementation(() => Promise.withResolvers<void>().promise);
  let looks = 0;
  try {
    for await (const _ of watchRun(stage.fleet.controller, REQID, leave.signal)) {
      looks += 1;
      setImmediate(() => leave.abort());
    }
  } finally {
    sleep.mockRestore();
  }
  expect(looks).toBe(2);
});

test("who waits is told once that a host is away, and once that it is back", async () => {
  let isAway = true;
  await using run = await leftRun(() => (isAway ? "" : http10({ status: "running" })));
  const { controller } = run.fleet;
  const leave = new AbortController();
  const heard: unknown[] = [];
  const order = {
    ...{ reqid: REQID, signal: leave.signal },
    onContact: (host: string, { kind }: { readonly kind: string }) => {
      heard.push([host, kind]);
    },
  };
  // Between two looks it would be two seconds.
  const sleep = spyOn(Bun, "sleep").mockImplementation(() => new Promise(setImmediate));
  try {
    const waiting = waitFor(controller, CALLER, order, () => undefined);
    await until("it was asked in two looks", () => run.asked.length > 4);
    isAway = false;
    await until("it is back", () => heard.length > 1);
    leave.abort();
    await waiting;
  } finally {
    sleep.mockRestore();
  }
  expect(heard).toEqual([
    ["web-01", "lost"],
    ["web-01", "back"],
  ]);
});

test("who has left asks no agent", async () => {
  await using run = await leftRun(() => http10({ status: "running" }));
  const gone = { reqid: REQID, signal: AbortSignal.abort() };
  const report = await waitFor(run.fleet.controller, CALLER, gone, () => undefined);
  expect([report.results[0]?.state, run.asked]).toEqual(["unknown", []]);
});

test("a host that is away is reported, and has no result meanwhile", async () => {
  await using run = await leftRun(() => "");
  const away: ReadonlyMap<string, string>[] = [];
  const looks = watchRun(run.fleet.controller, REQID, never(), (hosts) => void away.push(hosts));
  for await (const { complete, completed, results, pending } of looks) {
    expect([complete, completed, results, pending]).toEqual([false, null, [], ["web-01"]]);
    break;
  }
  expect(away.map((hosts) => [...hosts.keys()])).toEqual([["web-01"]]);
});

test.each([
  [
    "00000000000000ff",
    "Cannot find run 00000000000000ff: no such run, or its record is no longer kept",
  ],
  ["x".repeat(70), `Cannot find run "${"x".repeat(64)}": a run's id is 16 hex digits`],
])("a run that is not there is not found, after the hook was asked: %s", async (reqid, message) => {
  await using fleet = await LocalFleet.bare();
  const wait = (signal: AbortSignal) =>
    waitFor(fleet.controller, CALLER, { reqid, signal }, () => undefined);
  await expect(wait(never())).rejects.toMatchObject({ code: "not-found", message });
  const hook = fleet.folder.script("hook", "exit 1");
  Object.assign(fleet.controller, { config: { ...fleet.controller.config, auth_hook: hook } });
  await expect(wait(never())).rejects.toMatchObject({ code: "denied" });
});

test("T25 the hook is told who submitted the run, also by a record of 1.0, and nothing that is not an id", async () => {
  await using fleet = await LocalFleet.bare();
  const hook = fleet.folder.script("hook", 'cat >> "$0.in"; echo >> "$0.in"');
  Object.assign(fleet.controller, { config: { ...fleet.controller.config, auth_hook: hook } });
  const ask = async (reqid: string) => {
    await authorizeRun(fleet.controller, CALLER, { action: "cancel", reqid }).catch(
      () => undefined,
    );
    const lines = (await Bun.file(`${hook}.in`).text()).trim().split("\n");
    const { action, reqid: told, submitter } = JSON.parse(lines.at(-1) ?? "");
    return [action, told, submitter];
  };
  const run = { script: "s", hosts: ["a"], results: [], completed: "2026-01-01T00:00:00Z" };
  const late = JSON.stringify({ reqid: REQID, ...run, complete: true, submitter: "alice" });
  fleet.folder.write(`control/state/runs/${REQID}.json`, late);
  expect(await ask(REQID)).toEqual(["cancel", REQID, "alice"]);
  expect(await ask("00000000000000ff")).toEqual(["cancel", "00000000000000ff", ""]);
  expect(await ask("../secret")).toEqual(["cancel", undefined, ""]);
  fleet.folder.write(`control/state/runs/${REQID}.json`, "{");
  expect(await ask(REQID)).toEqual(["cancel", REQID, ""]);
});
