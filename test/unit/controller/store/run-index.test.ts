/** The list of runs: what the run records say, whatever has become of the index beside them. */
import { Database } from "bun:sqlite";
import { describe, expect, spyOn, test } from "bun:test";
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  watch,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { openFileStore } from "../../../../src/controller/store/file-store.ts";
import { lockPath } from "../../../../src/controller/store/lock-path.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import type { ListedRuns, RunFilter } from "../../../../src/controller/store/ports/runs.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import { runFailed } from "../../../../src/core/run-result.ts";
import { takeLock } from "../../../../src/system/files/lock.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";

const PROGRAM = join(import.meta.dir, "../../../support/run-index-program.ts");
const ALL = { limit: 100_000 };

function indexedIn(index: string): unknown[] {
  using database = new Database(index, { readonly: true });
  return database.query("SELECT reqid FROM run ORDER BY reqid").values().flat();
}

/** Too many to look for each of them. */
const MANY = Array.from({ length: 200 }, (_, number) => `other-${number}`);

const idOf = (number: number) => number.toString(16).padStart(16, "0");

class Stage implements Disposable {
  readonly folder = new TestFolder();
  readonly log = new EventLog("ctrl-exec");

  async open(lines = "") {
    const text = `state_dir = ${this.state}\n${lines}`;
    const { config } = await parseControllerConfig(this.folder.join("ctrl-exec.conf"), text);
    const store = openFileStore({ config, log: this.log.log, now: () => new Date() });
    return { config, runs: store.runs, index: paths(config).runIndex };
  }

  get state(): string {
    return this.folder.join("state");
  }

  /** @param changes to the record of a run that has ended on web-01 */
  record(number: number, changes: Readonly<Record<string, unknown>> = {}): string {
    const reqid = idOf(number);
    const record = {
      reqid,
      submitter: "alice",
      script: "deploy",
      hosts: ["web-01"],
      results: [result("web-01")],
      completed: "2026-01-01T00:00:09Z",
      complete: true,
      started: `2026-01-01T00:00:0${number % 10}Z`,
      ...changes,
    };
    return this.folder.write(`state/runs/${reqid}.json`, JSON.stringify(record), 0o640);
  }

  /** The index made anew from the records. */
  async rebuilt(filter: RunFilter = ALL): Promise<ListedRuns> {
    const { runs, index } = await this.open();
    for (const file of [index, `${index}-wal`, `${index}-shm`]) rmSync(file, { force: true });
    return await runs.list(filter);
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

function result(host: string, changes: Readonly<Record<string, unknown>> = {}) {
  const stated = { host, script: "deploy", exit: 0, stdout: "out", stderr: "", rtt: "1ms" };
  return { ...stated, reqid: idOf(1), state: "ended", ...changes };
}

const idsOf = ({ runs }: ListedRuns) => runs.map(({ reqid }) => Number.parseInt(reqid, 16));

function age(file: string, seconds: number): void {
  const time = new Date(Date.now() - seconds * 1000);
  utimesSync(file, time, time);
}

function listInOtherProcess(state: string) {
  return Bun.spawn([process.execPath, PROGRAM, state], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

describe("the list of runs", () => {
  test("has nothing where no run was recorded", async () => {
    using stage = new Stage();
    const { runs } = await stage.open();
    expect(await runs.list(ALL)).toEqual({ runs: [], unreadable: [] });
    expect(existsSync(stage.state)).toBe(false);
  });

  test("says of a run what its record says, and not what the script has printed", async () => {
    using stage = new Stage();
    stage.record(1, {
      hosts: ["web-01", "web-02"],
      results: [
        result("web-02", { exit: -1, state: "never-ran", error: "no such script" }),
        result("web-01", { stdout: "stdout".repeat(10_000) }),
      ],
    });
    const { runs, index } = await stage.open();
    expect(await runs.list(ALL)).toEqual({
      runs: [
        {
          reqid: idOf(1),
          script: "deploy",
          submitter: "alice",
          started: "2026-01-01T00:00:01Z",
          completed: "2026-01-01T00:00:09Z",
          hosts: [
            { host: "web-02", state: "never-ran", exit: -1, failed: true },
            { host: "web-01", state: "ended", exit: 0, failed: false },
          ],
          place: { began: expect.any(Number), touched: expect.any(Number), reqid: idOf(1) },
        },
      ],
      unreadable: [],
    });
    expect(readFileSync(index, "latin1")).not.toContain("stdoutstdout");
    expect(statSync(index).mode & 0o777).toBe(0o640);
  });

  test("of the runs of one second, the last to be written comes first", async () => {
    using stage = new Stage();
    const second = { started: "2026-01-01T00:00:01Z" };
    const now = Date.now() / 1000;
    for (const [number, ago] of [
      [1, 20],
      [2, 10],
      [3, 30],
    ] as const) {
      utimesSync(stage.record(number, second), now - ago, now - ago);
    }
    const { runs } = await stage.open();
    expect(idsOf(await runs.list(ALL))).toEqual([2, 1, 3]);
  });

  test("of the runs of one second, the last to begin comes first if their records say so", async () => {
    using stage = new Stage();
    const began = Date.parse("2026-01-01T00:00:01Z");
    const now = Date.now() / 1000;
    for (const [number, ms] of [
      [1, 300],
      [2, 900],
      [3, 600],
    ] as const) {
      const second = { started: "2026-01-01T00:00:01Z", began: began + ms };
      utimesSync(stage.record(number, second), now - number, now - number);
    }
    const { runs } = await stage.open();
    expect(idsOf(await runs.list(ALL))).toEqual([2, 3, 1]);
  });

  test.each<[string, Omit<RunFilter, "limit">, number[]]>([
    ["newest first", {}, [4, 3, 2, 1]],
    ["a host", { hosts: ["db-01"] }, [4, 2]],
    ["a host in capitals, with a port", { hosts: ["DB-01:7445"] }, [4, 2]],
    ["a host that no run was on", { hosts: ["db-0"] }, []],
    ["many hosts", { hosts: [...MANY, "DB-01"] }, [4, 2]],
    ["a state of many hosts", { state: "unknown", hosts: [...MANY, "db-01"] }, [2]],
    ["many hosts that no run was on", { hosts: MANY }, []],
    ["a script", { script: "backup" }, [4, 3]],
    ["a submitter", { submitter: "bob" }, [2, 1]],
    ["a state", { state: "unknown" }, [4, 2]],
    ["a state that no run is in", { state: "running" }, []],
    ["a state of a host", { state: "unknown", hosts: ["db-01"] }, [2]],
    ["a time", { since: new Date("2026-01-01T00:00:03Z") }, [4, 3]],
    ["a script and a submitter", { script: "deploy", submitter: "bob" }, [2, 1]],
    ["a script, a state and a host", { script: "backup", state: "ended", hosts: ["db-01"] }, [4]],
  ])("filters by %s", async (_, filter, expected) => {
    using stage = new Stage();
    const lost = { exit: -1, state: "unknown", error: "no answer" };
    stage.record(1, { submitter: "bob" });
    stage.record(2, { submitter: "bob", hosts: ["db-01"], results: [result("db-01", lost)] });
    stage.record(3, { script: "backup" });
    stage.record(4, {
      script: "backup",
      hosts: ["web-01", "db-01:7445"],
      results: [result("web-01", lost), result("db-01:7445")],
    });
    const { runs } = await stage.open();
    expect(idsOf(await runs.list({ ...filter, limit: 10 }))).toEqual(expected);
    expect(idsOf(await runs.list({ ...filter, limit: 1 }))).toEqual(expected.slice(0, 1));
  });

  test("tells a run under way from one that has lost its process, as its status does", async () => {
    using stage = new Stage();
    const open = { complete: false, completed: null, hosts: ["web-01", "web-02"] };
    stage.record(1, open);
    const { runs } = await stage.open();
    expect(
      (await runs.list({ limit: 1, state: "running", hosts: ["web-02"] })).runs[0],
    ).toMatchObject({
      completed: null,
      hosts: [{ state: "ended" }, { host: "web-02", state: "running", exit: null }],
    });
    age(stage.record(1, open), 90);
    const [lost] = (await runs.list({ limit: 1, state: "unknown" })).runs;
    const status = await runs.read(idOf(1), new ReplyBudget(2 ** 30).open());
    expect(lost?.completed).toBe(status?.completed ?? "");
    expect(lost?.hosts.map(({ host, state }) => [host, state])).toEqual(
      status?.results.map(({ host, state }) => [host, state]) ?? [],
    );
    expect(await runs.list({ limit: 1, state: "running" })).toMatchObject({ runs: [] });
  });

  test("calls a run failed where its status does, whatever its exit status is", async () => {
    using stage = new Stage();
    const ends = [
      {},
      { exit: 3 },
      { error: "script timed out" },
      { timed_out: true },
      { signal: "SIGKILL" },
      ...["never-ran", "unknown", "lost", "running", "queued", "later"].map((state) => ({ state })),
    ];
    for (const [number, end] of ends.entries()) {
      stage.record(number, { results: [result("web-01", end)] });
    }
    const { runs } = await stage.open();
    expect(idsOf(await runs.list({ limit: 20, failed: true })).sort()).toEqual(
      ends
        .map((_, number) => number)
        .slice(1)
        .sort(),
    );
    const account = new ReplyBudget(2 ** 30).open();
    for (const { reqid, hosts } of (await runs.list(ALL)).runs) {
      const [result] = (await runs.read(reqid, account))?.results ?? [];
      expect(hosts[0]?.failed).toBe(result === undefined || runFailed(result));
    }
  });

  test("has nothing running in a run that is over, unless its agent said so, as its status does", async () => {
    using stage = new Stage();
    const two = { hosts: ["web-01", "web-02"], results: [result("web-01", { state: "running" })] };
    const open = { ...two, complete: false, completed: null };
    stage.record(1, two);
    age(stage.record(2, open), 90);
    stage.record(3, { ...open, writer: null });
    stage.record(4, open);
    const { runs } = await stage.open();
    const listed = (await runs.list(ALL)).runs;
    expect(listed.map(({ hosts }) => hosts.map(({ state }) => state))).toEqual([
      ["running", "running"],
      ["running", "unknown"],
      ["running", "unknown"],
      ["unknown", "unknown"],
    ]);
    for (const { reqid, completed, hosts } of listed) {
      const status = await runs.read(reqid, new ReplyBudget(2 ** 30).open());
      expect(completed).toBe(status?.completed ?? null);
      const told = status?.results.map(({ host, state }) => [host, state]) ?? [];
      expect(hosts.map(({ host, state }) => [host, state]).slice(0, told.length)).toEqual(told);
    }
    expect(idsOf(await runs.list({ limit: 9, state: "running" }))).toEqual([4, 3, 2]);
  });

  test("has records of 0.8 and 1.0", async () => {
    using stage = new Stage();
    const old = { exit: 126, state: undefined, stdout: null };
    stage.record(1, {
      ...{ submitter: undefined, complete: undefined, started: undefined },
      completed: 1_767_225_605,
      results: [result("web-01", { ...old, error: "cannot execute /s: ENOENT" })],
    });
    stage.record(2, { results: [result("web-01", { ...old, exit: -1, error: "timed out" })] });
    stage.record(9, {});
    const { runs } = await stage.open();
    const { runs: listed, unreadable } = await runs.list(ALL);
    expect(unreadable).toEqual([]);
    expect(listed.map(({ reqid, hosts }) => [reqid, hosts[0]?.state])).toEqual([
      [idOf(9), "ended"],
      [idOf(1), "never-ran"],
      [idOf(2), "unknown"],
    ]);
    expect(listed[1]).toMatchObject({
      submitter: "",
      started: "",
      completed: "2026-01-01T00:00:05Z",
    });
  });

  test("has a submitter with the longest of names, and so has the run's status", async () => {
    using stage = new Stage();
    const submitter = "ä".repeat(8192);
    stage.record(1, { submitter });
    const { runs } = await stage.open();
    expect((await runs.list({ limit: 1, submitter })).runs).toHaveLength(1);
    const status = await runs.read(idOf(1), new ReplyBudget(2 ** 30).open());
    expect(status?.submitter).toBe(submitter);
  });

  test("follows records that are changed, removed and past their time", async () => {
    using stage = new Stage();
    for (const number of [1, 2, 3]) stage.record(number);
    const { runs, config } = await stage.open();
    expect(idsOf(await runs.list(ALL))).toEqual([3, 2, 1]);
    unlinkSync(join(paths(config).runs, `${idOf(3)}.json`));
    stage.record(1, { script: "backup" });
    age(join(paths(config).runs, `${idOf(2)}.json`), config.run_retention + 5);
    expect(await runs.list(ALL)).toMatchObject({ runs: [{ reqid: idOf(1), script: "backup" }] });
    expect(idsOf(await runs.list(ALL))).toEqual([1]);
  });

  test("passes over a damaged record, and names it until it is repaired", async () => {
    using stage = new Stage();
    stage.record(1);
    const cut = stage.record(2);
    writeFileSync(cut, readFileSync(cut, "utf8").slice(0, -9));
    stage.record(3, { hosts: "web-01" });
    const { runs } = await stage.open();
    for (const time of ["first", "from the index"]) {
      const listed = await runs.list(ALL);
      expect([time, idsOf(listed), listed.unreadable]).toEqual([time, [1], [idOf(2), idOf(3)]]);
    }
    stage.record(3);
    expect(await runs.list(ALL)).toMatchObject({
      unreadable: [idOf(2)],
      runs: [{ reqid: idOf(3) }, {}],
    });
  });

  test("names what is not a file in the place of a record", async () => {
    using stage = new Stage();
    stage.record(1);
    stage.folder.write(`state/runs/${idOf(2)}.json/x`, "");
    const { runs } = await stage.open();
    expect(await runs.list(ALL)).toMatchObject({
      runs: [{ reqid: idOf(1) }],
      unreadable: [idOf(2)],
    });
  });

  test("T74 reads no record that is longer than any that is written here", async () => {
    using stage = new Stage();
    const { config, runs } = await stage.open("run_records_max = 1M\n");
    stage.record(1, { hosts: Array.from({ length: 60_000 }, (_, number) => `host-${number}`) });
    stage.record(2, { results: [result("web-01", { stdout: "x".repeat(2 ** 20) })] });
    expect(config.run_records_max).toBe(2 ** 20);
    const listed = await runs.list(ALL);
    expect([idsOf(listed), listed.unreadable]).toEqual([[2], [idOf(1)]]);
    const account = new ReplyBudget(2 ** 30).open();
    await expect(runs.read(idOf(1), account)).rejects.toMatchObject({ code: "damaged" });
  });
});

/** What becomes of an index that was in order. */
const SPOILED: Readonly<Record<string, (index: string) => void>> = {
  "with a FIFO in the place of its journal": (index) => {
    Bun.spawnSync(["mkfifo", `${index}-journal`]);
  },
  "with a FIFO in the place of its log": (index) => {
    for (const ending of ["-wal", "-shm"]) rmSync(index + ending, { force: true });
    Bun.spawnSync(["mkfifo", `${index}-wal`]);
  },
  removed: unlinkSync,
  "no database": (index) => writeFileSync(index, "garbage ".repeat(4096)),
  "garbage from its middle on": (index) => {
    const file = openSync(index, "r+");
    const { size } = statSync(index);
    writeSync(file, Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096);
    closeSync(file);
  },
  truncated: (index) => writeFileSync(index, readFileSync(index).subarray(0, 5000)),
  empty: (index) => writeFileSync(index, ""),
  "of another version": (index) => {
    using database = new Database(index);
    database.run("DROP TABLE run");
    database.run("CREATE TABLE run (reqid TEXT, later TEXT)");
    database.run("PRAGMA user_version = 7");
  },
  "from before the last start": (index) => {
    using database = new Database(index);
    database.run("UPDATE run SET script = 'not what the record says'");
    database.run("PRAGMA user_version = 7");
  },
};

describe("the index", () => {
  test.each(Object.keys(SPOILED))("%s is made again", async (kind) => {
    using stage = new Stage();
    for (let number = 0; number < 60; number += 1) stage.record(number);
    const { runs, index } = await stage.open();
    const before = await runs.list(ALL);
    SPOILED[kind]?.(index);
    await runs.prepareList();
    expect(await runs.list(ALL)).toEqual(before);
    expect(before.runs).toHaveLength(60);
    expect(stage.log.events).toEqual([]);
  });

  test("that cannot be a file costs time, and neither the answer nor the maintenance", async () => {
    using stage = new Stage();
    stage.record(1);
    const { runs, index } = await stage.open();
    stage.folder.write("state/run-index.sqlite/x", "");
    await runs.prepareList();
    expect(idsOf(await runs.list(ALL))).toEqual([1]);
    const failed = { level: "warning", fields: { PATH: index } };
    expect(stage.log.of("run-index-fail")).toMatchObject([failed, failed]);
  });

  test("without the right to write a lock there is none, and the answer comes from the records", async () => {
    using stage = new Stage();
    stage.record(1);
    stage.folder.write("state/locks", "no folder");
    const { runs, index } = await stage.open();
    expect(idsOf(await runs.list(ALL))).toEqual([1]);
    expect([existsSync(index), stage.log.events]).toEqual([false, []]);
  });

  test("is not made by maintenance, but kept at hand by it", async () => {
    using stage = new Stage();
    stage.record(1);
    const { runs, index } = await stage.open();
    await runs.prepareList();
    expect(existsSync(index)).toBe(false);
    await runs.list(ALL);
    stage.record(2);
    await runs.prepareList();
    expect(indexedIn(index)).toEqual([idOf(1), idOf(2)]);
  });

  test("is used by one process at a time: the maintenance leaves it, a question waits", async () => {
    using stage = new Stage();
    stage.record(1);
    const { runs, config, index } = await stage.open();
    await runs.list(ALL);
    stage.record(2);
    const lock = await takeLock(lockPath(config, "run-index"));
    await runs.prepareList();
    expect(indexedIn(index)).toEqual([idOf(1)]);
    const asked = runs.list(ALL);
    expect(await Promise.race([asked, Bun.sleep(100).then(() => "waits")])).toBe("waits");
    lock.release();
    expect(idsOf(await asked)).toEqual([2, 1]);
  });

  test("gives several processes and questions at once the same answer", async () => {
    using stage = new Stage();
    for (let number = 0; number < 300; number += 1) stage.record(number);
    const { runs } = await stage.open();
    const others = [stage.state, stage.state].map(listInOtherProcess);
    const own = await Promise.all([runs.list(ALL), runs.prepareList(), runs.list(ALL)]);
    const answers = await Promise.all(others.map(({ stdout }) => new Response(stdout).json()));
    const expected = await stage.rebuilt();
    expect(expected.runs).toHaveLength(300);
    for (const answer of [own[0], own[2], ...answers]) expect(answer).toEqual(expected);
    expect(stage.log.events).toEqual([]);
  });

  test.each([2, 12, 25])("answers as a new one does after kill -9 at change %i", async (nth) => {
    using stage = new Stage();
    const hosts = Array.from({ length: 300 }, (_, host) => `web-${host}`);
    const results = hosts.map((host) => result(host));
    for (let number = 0; number < 100; number += 1) stage.record(number, { hosts, results });
    const { runs, index } = await stage.open();
    let changes = 0;
    const victim = listInOtherProcess(stage.state);
    const watcher = watch(stage.state, (_, name) => {
      if (name?.startsWith("run-index.sqlite")) changes += 1;
      if (changes >= nth) victim.kill("SIGKILL");
    });
    await victim.exited;
    watcher.close();
    expect(victim.signalCode).toBe("SIGKILL");
    expect(existsSync(index)).toBe(true);
    const answer = await runs.list(ALL);
    expect(stage.log.events).toEqual([]);
    expect(answer).toEqual(await stage.rebuilt());
    expect(answer.runs).toHaveLength(100);
  });

  test("holds no output while it reads a record with a hundred MiB of it", async () => {
    using stage = new Stage();
    const output = "\\n0123456".repeat((100 * 2 ** 20) / 9);
    const file = stage.record(1, { results: [result("web-01", { stdout: "@" })] });
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace('"@"', () => `"${output}"`),
    );
    // In a process of its own: what other tests take, and give back, is not measured.
    const program = join(import.meta.dir, "../../../support/run-list-memory-program.ts");
    const conf = [stage.folder.join("ctrl-exec.conf"), `state_dir = ${stage.state}\n`];
    const { stdout, stderr } = Bun.spawnSync([process.execPath, program, ...conf]);
    expect(stderr.toString()).toBe("");
    const { took, ...listed } = JSON.parse(stdout.toString());
    expect(listed).toMatchObject({ runs: [{ hosts: [{ exit: 0 }] }], unreadable: [] });
    expect(took / 2 ** 20).toBeLessThan(60);
  });
});

test("who waits in vain for another process that reads the records is told, and reads none itself", async () => {
  using stage = new Stage();
  stage.record(1);
  const { config, runs, index } = await stage.open();
  using _lock = await takeLock(lockPath(config, "run-index"));
  // It would be a minute.
  const sleep = spyOn(Bun, "sleep").mockImplementation(() => Promise.resolve());
  try {
    await expect(runs.list(ALL)).rejects.toMatchObject({ code: "busy" });
  } finally {
    sleep.mockRestore();
  }
  expect(existsSync(index)).toBe(false);
  expect(stage.log.events).toEqual([]);
});
