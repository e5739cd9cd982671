import { expect, test } from "bun:test";
import type { RunFilter } from "../../../../../src/controller/store/ports/runs.ts";
import { withoutResult } from "../../../../../src/core/run-result.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { facts, REQID, ran, result } from "./recorded.ts";
import { Stage } from "./stage.ts";

const FIRST = "00000000000000a1";
const SECOND = "0000000000000002";
const THIRD = "0000000000000003";

/** Ten seconds apart. */
async function threeRuns(stage: Stage): Promise<void> {
  const refused = withoutResult({ script: "backup", reqid: SECOND }, "db-01", "", {
    state: "never-ran",
    error: "refused",
  });
  await ran(stage, facts({ reqid: FIRST }), result("web-01"), result("web-02", { exit: 3 }));
  stage.pass(10);
  const backup = { reqid: SECOND, script: "backup", hosts: ["db-01"], submitter: "bob" };
  await ran(stage, facts(backup), refused);
  stage.pass(10);
  const third = { reqid: THIRD, hosts: ["Web-01:7450", "db-01"] };
  await ran(stage, facts(third), result("Web-01:7450"), { ...refused, reqid: THIRD });
}

async function ids({ store }: Stage, filter: Partial<RunFilter> = {}): Promise<string[]> {
  const { runs, unreadable } = await store.runs.list({ limit: 100, ...filter });
  expect(unreadable).toEqual([]);
  return runs.map(({ reqid }) => reqid);
}

export function listedSuite(make: MakeStore): void {
  test("without a run there is none to list", async () => {
    await using stage = await Stage.open(make);
    await stage.store.runs.prepareList();
    expect(await stage.store.runs.list({ limit: 1 })).toEqual({ runs: [], unreadable: [] });
    expect(stage.log.events).toEqual([]);
  });

  test("the newest come first, as many as are asked for, without their outputs", async () => {
    await using stage = await Stage.open(make);
    await threeRuns(stage);
    expect(await ids(stage)).toEqual([THIRD, SECOND, FIRST]);
    expect(await ids(stage, { limit: 2 })).toEqual([THIRD, SECOND]);
    const [newest] = (await stage.store.runs.list({ limit: 1 })).runs;
    expect(await ids(stage, { after: newest?.place })).toEqual([SECOND, FIRST]);
    expect(await ids(stage, { after: newest?.place, limit: 1 })).toEqual([SECOND]);
    expect(await ids(stage, { after: newest?.place, script: "deploy" })).toEqual([FIRST]);
    await stage.store.runs.prepareList();
    const { runs } = await stage.store.runs.list({ limit: 100 });
    const time = expect.stringMatching(/^\d{4}-/);
    expect(runs.at(-1)).toEqual({
      reqid: FIRST,
      script: "deploy",
      submitter: "alice",
      started: time,
      completed: time,
      hosts: [
        { host: "web-01", state: "ended", exit: 0, failed: false },
        { host: "web-02", state: "ended", exit: 3, failed: true },
      ],
      place: { began: expect.any(Number), touched: expect.any(Number), reqid: FIRST },
    });
    expect(runs[1]?.hosts).toMatchObject([{ host: "db-01", state: "never-ran" }]);
  });

  test("each member of the filter narrows the list", async () => {
    await using stage = await Stage.open(make);
    await threeRuns(stage);
    expect(await ids(stage, { hosts: ["WEB-01"] })).toEqual([THIRD, FIRST]);
    expect(await ids(stage, { hosts: ["web-01:7451"] })).toEqual([THIRD, FIRST]);
    expect(await ids(stage, { script: "backup" })).toEqual([SECOND]);
    expect(await ids(stage, { submitter: "alice" })).toEqual([THIRD, FIRST]);
    expect(await ids(stage, { notBy: ["alice", "eve"] })).toEqual([SECOND]);
    expect(await ids(stage, { state: "never-ran" })).toEqual([THIRD, SECOND]);
    expect(await ids(stage, { state: "never-ran", hosts: ["web-01"] })).toEqual([]);
    expect(await ids(stage, { state: "running" })).toEqual([]);
    expect(await ids(stage, { failed: true })).toEqual([THIRD, SECOND, FIRST]);
    expect(await ids(stage, { failed: true, hosts: ["web-01"] })).toEqual([]);
    expect(await ids(stage, { failed: true, hosts: ["web-02"] })).toEqual([FIRST]);
    expect(await ids(stage, { hosts: ["db-01"], submitter: "bob" })).toEqual([SECOND]);
    expect(await ids(stage, { hosts: ["mail-01"] })).toEqual([]);
    const { runs } = await stage.store.runs.list({ limit: 100 });
    const since = new Date(runs[1]?.started ?? "");
    expect(await ids(stage, { since })).toEqual([THIRD, SECOND]);
  });

  test("a run is listed from its beginning, and with what became of it since", async () => {
    await using stage = await Stage.open(make);
    const list = async () => (await stage.store.runs.list({ limit: 1 })).runs[0];
    const record = await stage.store.runs.begin(facts(), false);
    await record.stored;
    const running = { state: "running", exit: null };
    expect(await list()).toMatchObject({
      completed: null,
      hosts: [
        { host: "web-01", ...running },
        { host: "web-02", ...running },
      ],
    });
    record.add(result("web-01"));
    await record.close();
    expect(await list()).toMatchObject({
      completed: expect.any(String),
      hosts: [
        { host: "web-01", state: "ended", exit: 0, failed: false },
        { host: "web-02", state: "unknown", exit: null },
      ],
    });
  });

  test("a run whose process was killed is over, and its hosts are unknown", async () => {
    await using stage = await Stage.open(make);
    await using other = stage.another("run", JSON.stringify(facts()));
    await other.says();
    await other.kill();
    expect(await ids(stage, { state: "running" })).toEqual([REQID]);
    expect(await ids(stage, { failed: true })).toEqual([]);
    stage.pass(61);
    expect(await ids(stage, { state: "running" })).toEqual([]);
    expect(await ids(stage, { state: "unknown" })).toEqual([REQID]);
    expect(await ids(stage, { failed: true })).toEqual([REQID]);
    const { runs } = await stage.store.runs.list({ limit: 1 });
    expect(runs[0]?.completed).toEqual(expect.stringMatching(/^\d{4}-/));
  });

  test("a record that cannot be used is named, and hides no other", async () => {
    await using stage = await Stage.open(make);
    await threeRuns(stage);
    expect(await ids(stage)).toHaveLength(3);
    await stage.under.breakRun(SECOND);
    const { runs, unreadable } = await stage.store.runs.list({ limit: 100 });
    expect([runs.map(({ reqid }) => reqid), unreadable]).toEqual([[THIRD, FIRST], [SECOND]]);
  });

  test("what run_retention has ended is not listed, before the purge or after", async () => {
    await using stage = await Stage.open(make, "run_retention = 1000");
    await threeRuns(stage);
    expect(await ids(stage)).toHaveLength(3);
    stage.pass(1001);
    expect(await ids(stage)).toEqual([]);
    await stage.store.runs.purge();
    expect(await ids(stage)).toEqual([]);
  });
}
