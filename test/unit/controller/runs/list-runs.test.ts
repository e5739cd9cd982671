/** Whose runs somebody is shown. */
import { expect, test } from "bun:test";
import { listRuns } from "../../../../src/controller/runs/list-runs.ts";
import type { RunPlace } from "../../../../src/controller/store/ports/runs.ts";
import { isoSeconds } from "../../../../src/core/time.ts";
import { leftRun } from "../../../support/left-run.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { http10 } from "../../../support/peers.ts";

const ALL = { limit: 10 };
const FEW = ["alice", "bob", "alice", ""];

/** @param submitters of the runs ...a1, ...a2 and so on, the newest last */
async function fleetWithRuns(hook: string, submitters: readonly string[] = FEW) {
  const fleet = await LocalFleet.bare();
  const file = fleet.folder.script("hook", hook);
  const { config } = fleet.controller;
  Object.assign(fleet.controller, { config: { ...config, auth_hook: file } });
  for (const [position, submitter] of submitters.entries()) {
    const reqid = (0xa1 + position).toString(16).padStart(16, "0");
    const started = isoSeconds(new Date(1_767_225_600_000 + position * 1000));
    const run = { reqid, submitter, script: "deploy", hosts: ["web-01"], results: [], started };
    const record = JSON.stringify({ ...run, completed: started, complete: true });
    fleet.folder.write(`control/state/runs/${reqid}.json`, record, 0o640);
  }
  return fleet;
}

async function seen(fleet: LocalFleet, limit = 10): Promise<string[]> {
  const { runs } = await listRuns(fleet.controller, CALLER, { limit });
  return runs.map(({ reqid }) => reqid.slice(-2)).reverse();
}

test("T25 runs that the hook hides from the caller are left out", async () => {
  await using fleet = await fleetWithRuns('test "$ENVEXEC_SUBMITTER" != bob');
  expect(await seen(fleet)).toEqual(["a1", "a3", "a4"]);
});

test("T25 somebody who may see no runs is refused, whatever there is", async () => {
  await using fleet = await fleetWithRuns("exit 1");
  await expect(listRuns(fleet.controller, CALLER, ALL)).rejects.toMatchObject({ code: "denied" });
});

test("T76 nor does whoever is refused learn whom an expression stands for", async () => {
  await using fleet = await fleetWithRuns('test "$ENVEXEC_TOKEN" = yes');
  const ask = (host: string, token: string) =>
    listRuns(fleet.controller, { ...CALLER, token }, { ...ALL, host });
  for (const host of ["web-01", "web-*", "@@none", "@failed=00000000000000a1"]) {
    await expect(ask(host, "no")).rejects.toMatchObject({ code: "denied" });
  }
  await expect(ask("web-*", "yes")).rejects.toThrow('no host matches "web-*"');
  await expect(ask("web-[", "no")).rejects.toMatchObject({ code: "bad-request" });
  expect((await ask("WEB-01:7450,x", "yes")).runs).toHaveLength(4);
});

test("the hook is asked once for each submitter", async () => {
  await using fleet = await fleetWithRuns('echo "$ENVEXEC_SUBMITTER" >> "$0.asked"');
  expect(await seen(fleet)).toHaveLength(4);
  const asked = await Bun.file(fleet.folder.join("hook.asked")).text();
  expect(asked.split("\n").slice(0, -1).sort()).toEqual(["", "alice", "bob"]);
});

test("T25 hidden runs take no place in the list, so that nobody can count them", async () => {
  const others = Array.from({ length: 30 }, (_, number) => `user-${number}`);
  await using fleet = await fleetWithRuns('case "$ENVEXEC_SUBMITTER" in user-*) exit 1; esac', [
    "alice",
    "alice",
    ...others,
  ]);
  expect(await seen(fleet, 2)).toEqual(["a1", "a2"]);
  expect(await seen(fleet, 1)).toEqual(["a2"]);
});

test("T25 page by page, each run comes once, and a full page says nothing of what is hidden", async () => {
  const names = ["alice", "alice", "bob", "bob", "alice", "bob", "alice", "bob"];
  await using fleet = await fleetWithRuns('test "$ENVEXEC_SUBMITTER" != bob', names);
  const pages: string[][] = [];
  for (let after: RunPlace | undefined, n = 0; n < 9; n++) {
    const page = await listRuns(fleet.controller, CALLER, { limit: 2, after });
    pages.push(page.runs.map(({ reqid }) => reqid.slice(-2)));
    expect(page.runs.every((run) => !("place" in run))).toBe(true);
    after = page.next;
    if (after === undefined) break;
  }
  expect(pages).toEqual([["a7", "a5"], ["a2", "a1"], []]);
});

test("the hook is not asked about more than a hundred users whose runs it hides, and always about one's own", async () => {
  const others = Array.from({ length: 120 }, (_, number) => `user-${number}`);
  await using fleet = await fleetWithRuns(
    'echo "$ENVEXEC_SUBMITTER" >> "$0.asked"; case "$ENVEXEC_SUBMITTER" in user-*) exit 1; esac',
    [CALLER.username, "zoe", ...others],
  );
  expect(await seen(fleet)).toEqual(["a1"]);
  const asked = await Bun.file(fleet.folder.join("hook.asked")).text();
  expect(asked.trimEnd().split("\n")).toHaveLength(102);
});

test.each([
  ["is killed", "kill -9 $$", /killed by SIGKILL/],
  ["ends with a status that means nothing", "exit 255", /exited 255/],
])(
  "T24 a hook that %s at its second question hides nothing: it is refused",
  async (_, fault, why) => {
    await using fleet = await fleetWithRuns(`test -z "$ENVEXEC_SUBMITTER" || ${fault}`);
    await expect(listRuns(fleet.controller, CALLER, ALL)).rejects.toThrow(why);
  },
);

test("T24 a hook that has gone before its second question hides nothing", async () => {
  await using fleet = await fleetWithRuns('rm "$0"');
  const refused = expect(listRuns(fleet.controller, CALLER, ALL)).rejects;
  await refused.toMatchObject({ code: "denied", reason: "hook-not-executable" });
  expect(fleet.log.of("auth")).toMatchObject([{ level: "info" }, { level: "err" }]);
});

test("what is hidden is not an attempt, and not logged; the caller's question is, once", async () => {
  await using fleet = await fleetWithRuns('test "$ENVEXEC_SUBMITTER" != bob');
  await seen(fleet);
  expect(fleet.log.of("auth")).toMatchObject([{ fields: { RESULT: "pass" } }]);
});

const DONE = { status: "done", state: "ended", stdout: "out\n", stderr: "" };
const ENDED = { host: "web-01", state: "ended", exit: 3, failed: true } as const;
const RUNNING = { host: "web-01", state: "running", exit: null, failed: false };

test("of a run whose process has gone, the agent is asked how it ended, once: it is recorded", async () => {
  const told = { reply: { status: "running" } as object };
  await using run = await leftRun(() => http10(told.reply), { isLetGo: true });
  const { controller } = run.fleet;
  const running = await listRuns(controller, CALLER, ALL);
  expect(running.runs).toMatchObject([{ completed: null, hosts: [RUNNING] }]);
  expect(running.runs[0]).not.toHaveProperty("unheard");
  told.reply = { ...DONE, exit: 3 };
  for (const _ of ["learnt", "recorded"]) {
    const { runs } = await listRuns(controller, CALLER, ALL);
    expect(runs).toMatchObject([{ completed: expect.any(String), hosts: [ENDED] }]);
  }
  expect(run.asked).toHaveLength(2);
  expect(await run.show()).toMatchObject({ results: [{ exit: 3, stdout: "out\n" }] });
});

test.each([
  [3, [ENDED]],
  [0, undefined],
])("a failure is found where the agent tells of it now: exit %d", async (exit, hosts) => {
  await using run = await leftRun(() => http10({ ...DONE, exit }), { isLetGo: true });
  const failures = { ...ALL, failed: true, host: "web-01:7443" } as const;
  const { runs } = await listRuns(run.fleet.controller, CALLER, failures);
  expect(runs.map((listed) => listed.hosts)).toEqual(hosts === undefined ? [] : [hosts]);
  const others = { ...failures, host: "db-01" };
  expect((await listRuns(run.fleet.controller, CALLER, others)).runs).toEqual([]);
});

test("what seemed to have failed, and has not, is not a failure", async () => {
  await using run = await leftRun(() => http10({ ...DONE, exit: 0 }));
  const list = async () => await listRuns(run.fleet.controller, CALLER, { ...ALL, failed: true });
  expect((await list()).runs).toEqual([]);
  expect(run.asked).toHaveLength(1);
});

test("a host that cannot be asked is named, and shown as it was known last", async () => {
  await using run = await leftRun(() => "", { isLetGo: true });
  const { runs } = await listRuns(run.fleet.controller, CALLER, ALL);
  expect(runs).toMatchObject([{ completed: null, hosts: [RUNNING], unheard: ["web-01"] }]);
});

test("T67 nobody asks the agents about a run that is hidden from the caller", async () => {
  await using run = await leftRun(() => http10({ ...DONE, exit: 3 }), {
    isLetGo: true,
    submitter: "bob",
  });
  const { controller, folder } = run.fleet;
  const auth_hook = folder.script("hook", 'test "$ENVEXEC_SUBMITTER" != bob');
  Object.assign(controller, { config: { ...controller.config, auth_hook } });
  for (const filter of [ALL, { ...ALL, failed: true } as const]) {
    expect((await listRuns(controller, CALLER, filter)).runs).toEqual([]);
  }
  expect(run.asked).toEqual([]);
});

test("without a credential nobody can be asked: what is recorded is listed, without an exit status", async () => {
  await using fleet = await fleetWithRuns("exit 0", []);
  const of = { reqid: "00000000000000a1", script: "deploy", submitter: "tester" };
  const result = { ...of, host: "web-01", exit: -1, state: "running", stdout: "", stderr: "" };
  const run = { ...of, hosts: ["web-01"], results: [result], writer: null, complete: false };
  const record = JSON.stringify({ ...run, started: isoSeconds(new Date()), completed: null });
  fleet.folder.write(`control/state/runs/${of.reqid}.json`, record, 0o640);
  const { runs } = await listRuns(fleet.controller, CALLER, ALL);
  expect(runs).toMatchObject([{ hosts: [RUNNING], unheard: ["web-01"] }]);
});
