import { describe, expect, jest, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { runResult } from "../../../../src/api/schemas.ts";
import type { StoreContext } from "../../../../src/controller/store/host.ts";
import { OutputFile } from "../../../../src/controller/store/output-file.ts";
import { isInUse } from "../../../../src/controller/store/output-folder-lock.ts";
import { purgeRunRecords } from "../../../../src/controller/store/record-space.ts";
import { FileRunRecord } from "../../../../src/controller/store/run-record.ts";
import { readRunRecord as readStored } from "../../../../src/controller/store/stored-runs.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import { type RunResult, runFailed, withoutResult } from "../../../../src/core/run-result.ts";
import { jsonPieces } from "../../../../src/core/wire/json-pieces.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";

const REQID = "0123456789abcdef";
const facts = { reqid: REQID, script: "s", hosts: ["a", "b"], submitter: "alice", token: "" };

const resultOf = (host: string): RunResult => ({
  host,
  script: "s",
  exit: 0,
  stdout: "out",
  stderr: "",
  rtt: "1ms",
  reqid: REQID,
  state: "ended",
});

/** With every long text as one. */
async function readRunRecord(controller: StoreContext, reqid: string) {
  const account = new ReplyBudget(2 ** 30).open();
  const found = await readStored(controller, reqid, account);
  return found && (JSON.parse([...jsonPieces(found)].join("")) as typeof found);
}

class Stage implements Disposable {
  readonly folder = new TestFolder();
  readonly log = new EventLog("ctrl-exec");
  now = new Date();

  async controller(lines = ""): Promise<StoreContext> {
    const text = `state_dir = ${this.folder.join("state")}\n${lines}`;
    const { config } = await parseControllerConfig(this.folder.join("ctrl-exec.conf"), text);
    return {
      config,
      log: this.log.log,
      now: () => this.now,
    };
  }

  record(name = `${REQID}.json`): string {
    return this.folder.join("state", "runs", name);
  }

  age(name: string, seconds: number): void {
    const time = new Date(this.now.getTime() - seconds * 1000);
    utimesSync(this.record(name), time, time);
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

const cut = (bytes: number) => ({ stdout_dropped: bytes, stdout_unrecorded: bytes });

/** `Required`, so that a member that is added to a result is missed here at once. */
const whole: Required<RunResult> = {
  ...resultOf("a"),
  exit: 126,
  error: "script timed out after 1s and was ended",
  stdout_b64: "/w==",
  stderr_b64: "/g==",
  signal: "SIGTERM",
  timed_out: true,
  stdout_dropped: 1,
  stderr_dropped: 2,
  stdout_unrecorded: 1,
  stderr_unrecorded: 2,
  cancelled: true,
  cancelled_by: "alice",
  started: "2026-01-15T12:00:00.000Z",
  ended: "2026-01-15T12:00:01.000Z",
};

describe("a run's record", () => {
  test("has every member of a result, and the API describes every one", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const record = new FileRunRecord(controller, { ...facts, hosts: ["a"] });
    record.add(whole);
    await record.close();
    expect((await readRunRecord(controller, REQID))?.results).toEqual([whole]);
    expect(Object.keys(runResult.shape).toSorted()).toEqual(Object.keys(whole).toSorted());
  });

  test("says from the start which hosts are out, then which are done", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const record = new FileRunRecord(controller, facts);
    await record.stored;
    expect(await readRunRecord(controller, REQID)).toMatchObject({
      complete: false,
      completed: null,
      pending: ["a", "b"],
      results: [],
    });
    record.add(resultOf("b"));
    record.add(resultOf("a"));
    await record.close();
    expect(await readRunRecord(controller, REQID)).toMatchObject({
      complete: true,
      pending: [],
      submitter: "alice",
      results: [resultOf("a"), resultOf("b")],
    });
    expect(statSync(stage.record()).mode & 0o777).toBe(0o640);
    expect(readdirSync(stage.folder.join("state", "runs"))).toEqual([`${REQID}.json`]);
  });

  test("has every character of a long output", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const record = new FileRunRecord(controller, facts);
    const long = { stdout: 'é\n"\\\u0001😀'.repeat(200_000), stderr: "x".repeat(70_000) };
    record.add({ ...resultOf("a"), ...long });
    await record.close();
    const [first] = (await readRunRecord(controller, REQID))?.results ?? [];
    expect(first?.stdout === long.stdout && first.stderr === long.stderr).toBe(true);
  });

  test("that is closed stays as it is, whatever comes later", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const record = new FileRunRecord(controller, facts);
    const lost = withoutResult(facts, "b", "", { state: "unknown", error: "gave up" });
    record.add(resultOf("a"));
    record.add(lost);
    await record.close();
    record.add(resultOf("b"));
    await record.close();
    expect(await readRunRecord(controller, REQID)).toMatchObject({
      complete: true,
      results: [resultOf("a"), lost],
    });
  });

  test("whose process died is not out for ever", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const text = JSON.stringify({
      ...facts,
      results: [resultOf("a")],
      completed: null,
      complete: false,
    });
    stage.folder.write(`state/runs/${REQID}.json`, text);
    expect(await readRunRecord(controller, REQID)).toMatchObject({
      complete: false,
      pending: ["b"],
    });
    stage.age(`${REQID}.json`, 61);
    expect(await readRunRecord(controller, REQID)).toMatchObject({
      complete: true,
      pending: [],
      results: [
        resultOf("a"),
        { host: "b", state: "unknown", error: expect.stringContaining("ctrl-exec ended") },
      ],
    });
  });

  test("of 0.8 is read", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const old = {
      host: "a",
      script: "s",
      exit: "3",
      stdout: "x",
      stderr: null,
      rtt: "4ms",
      reqid: REQID,
    };
    const text = JSON.stringify({
      reqid: REQID,
      script: "s",
      hosts: ["a"],
      results: [old],
      completed: 1_700_000_000,
    });
    stage.folder.write(`state/runs/${REQID}.json`, text);
    expect(await readRunRecord(controller, REQID)).toMatchObject({
      complete: true,
      completed: "2023-11-14T22:13:20Z",
      results: [{ host: "a", exit: 3, stdout: "x", stderr: "", state: "ended" }],
    });
  });

  test("of 1.0, which recorded -1 of answers that did not come too, claims nothing of those", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const { state: _, ...result } = resultOf("a");
    const results = [
      { ...result, exit: -1, error: "read timeout after 60s" },
      { ...result, host: "b", exit: 126, error: "cannot execute /x: it is not executable" },
      { ...result, host: "c", state: "of a later version" },
    ];
    const run = { ...facts, hosts: ["a", "b", "c"], results, completed: "2026-01-01T00:00:00Z" };
    stage.folder.write(`state/runs/${REQID}.json`, JSON.stringify(run));
    const found = await readRunRecord(controller, REQID);
    expect(found?.results.map(({ host, state }) => [host, state])).toEqual([
      ["a", "unknown"],
      ["b", "never-ran"],
      ["c", "unknown"],
    ]);
    expect(found?.results.every(({ error }) => error !== undefined)).toBe(true);
  });

  test.each(
    [null, "", [], [0], true, false, {}, 1.5, " 0", "0x0", "1e0", "-", undefined].map((exit) => ({
      exit,
    })),
  )("with %j for an exit status is not a success", async ({ exit }) => {
    using stage = new Stage();
    const controller = await stage.controller();
    const results = [{ ...resultOf("a"), exit }];
    const run = { ...facts, hosts: ["a"], results, completed: "2026-01-01T00:00:00Z" };
    stage.folder.write(`state/runs/${REQID}.json`, JSON.stringify(run));
    await expect(readRunRecord(controller, REQID)).rejects.toThrow(
      `Cannot read the record of run ${REQID}: it is damaged`,
    );
  });

  test("that is complete and lacks a host's result does not count it as done", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const run = {
      ...facts,
      hosts: ["a", "b"],
      results: [resultOf("a")],
      completed: "2026-01-01T00:00:00Z",
      complete: true,
    };
    stage.folder.write(`state/runs/${REQID}.json`, JSON.stringify(run));
    const found = await readRunRecord(controller, REQID);
    expect(found).toMatchObject({ complete: true, pending: [] });
    const last = found?.results.at(-1);
    expect(last).toMatchObject({ host: "b", exit: -1, state: "unknown" });
    expect(last && runFailed(last)).toBe(true);
  });

  test("of no host is damaged", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const run = { ...facts, hosts: [], results: [], completed: "2026-01-01T00:00:00Z" };
    stage.folder.write(`state/runs/${REQID}.json`, JSON.stringify(run));
    await expect(readRunRecord(controller, REQID)).rejects.toThrow("it is damaged");
  });

  test.each(["", "{", "[]", "{}", '{"reqid":1}'])("damaged as %j names the run", async (text) => {
    using stage = new Stage();
    const controller = await stage.controller();
    stage.folder.write(`state/runs/${REQID}.json`, text);
    expect(readRunRecord(controller, REQID)).rejects.toThrow(
      `Cannot read the record of run ${REQID}: it is damaged`,
    );
  });

  test("that cannot be read says why", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    // Root may read everything; a file where the folder should be fails for him as well.
    stage.folder.write("state/runs", "");
    expect(readRunRecord(controller, REQID)).rejects.toThrow(
      `Cannot read ${stage.record()}: a part of its path is not a folder`,
    );
  });

  test("T17 is looked for under a request id only", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    stage.folder.write("state/secret.json", "{}");
    for (const id of ["../secret", `${REQID}/../${REQID}`, REQID.toUpperCase(), "", `${REQID}0`]) {
      expect(await readRunRecord(controller, id)).toBeUndefined();
      expect(() => new FileRunRecord(controller, { ...facts, reqid: id })).toThrow(
        "not a request id",
      );
    }
  });

  test("T22 that cannot be written is logged and stops nothing", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    // A file where the folder should be fails for root as well.
    stage.folder.write("state/runs", "");
    const record = new FileRunRecord(controller, facts);
    await record.stored;
    record.add(resultOf("a"));
    await record.close();
    expect(stage.log.events).toMatchObject([
      { level: "warning", action: "run-store-fail" },
      { level: "warning", action: "run-store-fail" },
    ]);
  });

  test("T22 that cannot be written at first is written once there is a way", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const inTheWay = stage.folder.write("state/runs", "");
    const record = new FileRunRecord(controller, facts);
    expect(await record.stored).toBe(false);
    rmSync(inTheWay);
    for (const host of facts.hosts) record.add(resultOf(host));
    expect(await record.close()).toBe(true);
    expect(await readRunRecord(controller, REQID)).toMatchObject({ complete: true, pending: [] });
  });

  test("T22 has the end of a host whose output is gone, and the log says so", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const record = new FileRunRecord(controller, { ...facts, hosts: ["a"] });
    const gone = new OutputFile(stage.folder.join("gone"), 70_000);
    record.add({ ...resultOf("a"), exit: 3, stdout: gone });
    expect(await record.close()).toBe(false);
    expect((await readRunRecord(controller, REQID))?.results).toMatchObject([
      { host: "a", state: "ended", exit: 3, stdout: "" },
    ]);
    expect(stage.log.events).toMatchObject([
      { action: "run-store-fail", fields: { ERROR: expect.stringContaining("Cannot read") } },
    ]);
  });

  test("T22 says whether it could be written, at the beginning and at the end", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const record = new FileRunRecord(controller, facts);
    expect([await record.stored, await record.close()]).toEqual([true, true]);
    stage.folder.write("state/file", "");
    const file = {
      ...controller,
      config: { ...controller.config, state_dir: stage.folder.join("state/file") },
    };
    const other = new FileRunRecord(file, facts);
    expect([await other.stored, await other.close()]).toEqual([false, false]);
  });

  test("T69 that would take more than half of run_records_max has the beginning of long outputs", async () => {
    using stage = new Stage();
    const controller = await stage.controller("run_records_max = 1M");
    const record = new FileRunRecord(controller, facts);
    record.add({ ...resultOf("a"), stdout: "x".repeat(600_000) });
    record.add(resultOf("b"));
    expect(await record.close()).toBe(false);
    expect((await readRunRecord(controller, REQID))?.results).toEqual([
      { ...resultOf("a"), stdout: "x".repeat(393_216), ...cut(206_784) },
      resultOf("b"),
    ]);
    expect(stage.log.events).toMatchObject([
      {
        action: "run-store-fail",
        fields: { ERROR: expect.stringContaining("half of run_records_max (1 MiB)") },
      },
    ]);
  });
});

describe("T69 a record without room for what it has", () => {
  const outputs = (length: number) =>
    ["a", "b", "c"].map((host) => ({ ...resultOf(host), stdout: host.repeat(length) }));
  const three = { ...facts, hosts: ["a", "b", "c"] };

  async function recorded(stage: Stage, results: readonly RunResult[], of = three) {
    const controller = await stage.controller("run_records_max = 1M");
    const record = new FileRunRecord(controller, of);
    for (const result of results) record.add(result);
    const isWhole = await record.close();
    const json = JSON.parse(readFileSync(stage.record(), "utf8"));
    return { isWhole, json, read: (await readRunRecord(controller, REQID))?.results ?? [] };
  }

  test("has no beginning of outputs that are in files: nothing is lost", async () => {
    using stage = new Stage();
    const printed = outputs(130_000);
    const { isWhole, json, read } = await recorded(stage, printed);
    expect(isWhole).toBe(true);
    expect(json.results).toMatchObject(
      printed.map((_, at) => ({
        stdout: "",
        stdout_dropped: 130_000,
        stdout_file: `${REQID}.d/${at}.stdout`,
      })),
    );
    expect(read).toEqual(printed);
    expect(stage.log.events).toEqual([]);
  });

  test("has no outputs at all, if they are many and short, and says so", async () => {
    using stage = new Stage();
    const hosts = Array.from({ length: 12 }, (_, at) => `web-${at}`);
    const results = hosts.map((host) => ({ ...resultOf(host), stdout: "x".repeat(50_000) }));
    const { isWhole, json, read } = await recorded(stage, results, { ...facts, hosts });
    expect(isWhole).toBe(false);
    expect(json).toMatchObject({ complete: true, writer: null });
    expect(read).toEqual(hosts.map((host) => ({ ...resultOf(host), stdout: "", ...cut(50_000) })));
    expect(stage.log.events).toMatchObject([
      { fields: { ERROR: expect.stringContaining("half of run_records_max (1 MiB)") } },
    ]);
  });
});

describe("a run's record on the disk", () => {
  test("T69 counts when it is written at the end, and older ones go for it", async () => {
    using stage = new Stage();
    const controller = await stage.controller("run_records_max = 1M");
    const hosts = ["a", "b", "c", "d", "e", "f"];
    const ids = [1, 2, 3, 4].map((number) => `00000000000000a${number}`);
    for (const reqid of ids) {
      const record = new FileRunRecord(controller, { ...facts, reqid, hosts });
      for (const host of hosts) record.add({ ...resultOf(host), stdout: "x".repeat(50_000) });
      expect(await record.close()).toBe(true);
    }
    const left = readdirSync(stage.folder.join("state", "runs"));
    expect([0, 3].map((at) => left.includes(`${ids[at]}.json`))).toEqual([false, true]);
  });

  test("says when scripts have started as long as its process lives, and no longer", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const record = new FileRunRecord(controller, facts);
    const begun = () => JSON.parse(readFileSync(stage.record(), "utf8")).begun;
    record.begun("b", "2026-01-15T12:00:00Z");
    await record.step({});
    expect(begun()).toEqual([null, "2026-01-15T12:00:00Z"]);
    record.add(resultOf("a"));
    await record.close();
    expect(begun()).toBeUndefined();
  });

  test("has room for its end from the beginning on", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const record = new FileRunRecord(controller, facts);
    await record.stored;
    const { size } = statSync(stage.record());
    expect(JSON.parse(readFileSync(stage.record(), "utf8"))).toMatchObject({
      results: [],
      writer: { pid: process.pid },
    });
    const error = "x".repeat(200);
    const end = { state: "unknown", error } as const;
    for (const host of facts.hosts) {
      record.add({ ...withoutResult(facts, host, "12ms", end), cancelled_by: "x".repeat(255) });
    }
    await record.close();
    expect(statSync(stage.record()).size).toBeLessThanOrEqual(size);
  });

  test("is not complete while one of its hosts goes on, though nobody waits for it", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const record = new FileRunRecord(controller, facts);
    record.add(resultOf("a"));
    record.add(withoutResult(facts, "b", "", { state: "running" }));
    await record.close();
    expect(JSON.parse(readFileSync(stage.record(), "utf8"))).toMatchObject({
      complete: false,
      completed: null,
      writer: null,
    });
  });

  test("is not touched any more when its run was not begun, has ended, or was left", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    jest.useFakeTimers();
    try {
      const ids = [1, 2, 3, 4].map((number) => `00000000000000a${number}`);
      const records = ids.map((reqid) => new FileRunRecord(controller, { ...facts, reqid }));
      for (const record of records) await record.stored;
      await records[0]?.close();
      records[1]?.discard();
      await records[2]?.leave();
      for (const id of ids) stage.age(`${id}.json`, 100);
      jest.advanceTimersByTime(15_000);
      const touched = (id: string) =>
        stage.now.getTime() - statSync(stage.record(`${id}.json`)).mtimeMs < 50_000;
      while (!touched(ids[3] ?? "")) await new Promise(setImmediate);
      expect(ids.map(touched)).toEqual([false, false, false, true]);
      await records[3]?.close();
    } finally {
      jest.useRealTimers();
    }
  });

  test("of what was printed since it was closed has nothing, and its outputs are let go", async () => {
    using stage = new Stage();
    const controller = await stage.controller();
    const folder = stage.folder.join("state", "runs", `${REQID}.d`);
    for (const end of ["close", "discard", "leave"] as const) {
      const record = new FileRunRecord(controller, facts);
      await record.stored;
      const output = record.output("a", new ReplyBudget(2 ** 20).open().openReply());
      await output.take("stdout", Buffer.alloc(100_000));
      expect(isInUse(folder)).toBe(true);
      await record[end]();
      expect(isInUse(folder)).toBe(false);
      await output.take("stdout", Buffer.alloc(100_000));
      expect(statSync(`${folder}/0.stdout`).size).toBe(100_000);
    }
    expect(stage.log.events).toEqual([]);
  });
});

describe("run_retention", () => {
  test("is when a reader no longer finds a record, and the purge removes it", async () => {
    using stage = new Stage();
    const controller = await stage.controller("run_retention = 100");
    const fresh = "f".repeat(16);
    for (const reqid of [REQID, fresh]) {
      await new FileRunRecord(controller, { ...facts, reqid }).close();
    }
    stage.folder.write("state/runs/notes.json", "{}");
    stage.folder.write(`state/runs/.${REQID}.json.0123456789ab.tmp`, "cut");
    for (const name of [`${REQID}.json`, "notes.json"]) stage.age(name, 101);
    stage.age(`.${REQID}.json.0123456789ab.tmp`, 601);
    expect(await readRunRecord(controller, REQID)).toBeUndefined();
    expect(readFileSync(stage.record(), "utf8")).toContain(REQID);
    expect(await purgeRunRecords(controller)).toBe(1);
    expect(readdirSync(stage.folder.join("state", "runs")).sort()).toEqual([
      `${fresh}.json`,
      "notes.json",
    ]);
  });

  test("an empty state folder has nothing to purge", async () => {
    using stage = new Stage();
    expect(await purgeRunRecords(await stage.controller())).toBe(0);
  });
});
