/** The files beside a record: their names, what the record says of them, and when they go. */
import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { amendRun } from "../../../../src/controller/store/amend-run.ts";
import type { StoreContext } from "../../../../src/controller/store/host.ts";
import { purgeRunRecords } from "../../../../src/controller/store/record-space.ts";
import { FileRunRecord } from "../../../../src/controller/store/run-record.ts";
import { readRunRecord } from "../../../../src/controller/store/stored-runs.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { outputBytes } from "../../../../src/core/output-bytes.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const REQID = "0123456789abcdef";
const OTHER = "fedcba9876543210";

class Stage implements Disposable {
  readonly #folder = new TestFolder();
  readonly log = new EventLog("ctrl-exec");
  ahead = 0;
  readonly context: StoreContext;

  private constructor(config: StoreContext["config"], folder: TestFolder) {
    this.#folder = folder;
    this.context = { config, log: this.log.log, now: () => new Date(Date.now() + this.ahead) };
  }

  static async open(lines = ""): Promise<Stage> {
    const folder = new TestFolder();
    const text = `state_dir = ${folder.join("state")}\n${lines}`;
    const { config } = await parseControllerConfig(folder.join("ctrl-exec.conf"), text);
    return new Stage(config, folder);
  }

  runs(...names: readonly string[]): string {
    return this.#folder.join("state", "runs", ...names);
  }

  get locks(): string {
    return this.#folder.join("state", "locks");
  }

  begin(reqid = REQID, hosts = ["a", "b"]): FileRunRecord {
    return new FileRunRecord(this.context, { reqid, script: "s", hosts, submitter: "", token: "" });
  }

  async ran(reqid: string, ...results: readonly Partial<RunResult>[]): Promise<void> {
    const record = this.begin(reqid);
    for (const each of results) record.add(result({ reqid, ...each }));
    await record.close();
  }

  async read(reqid = REQID) {
    return await readRunRecord(this.context, reqid, new ReplyBudget(2 ** 30).open());
  }

  json(reqid = REQID): { readonly results: Record<string, unknown>[] } {
    return JSON.parse(readFileSync(this.runs(`${reqid}.json`), "utf8"));
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

const result = (changes: Partial<RunResult>): RunResult =>
  ({
    ...{ host: "a", script: "s", exit: 0, stdout: "", stderr: "", rtt: "1ms", reqid: REQID },
    ...{ state: "ended", ...changes },
  }) as RunResult;

test("what a record says of a long output is true for whoever does not know the file", async () => {
  using stage = await Stage.open();
  const text = `${"x".repeat(65_535)}é and more`;
  const bytes = Buffer.concat([Buffer.alloc(70_000, "y"), Buffer.from([0xff])]);
  await stage.ran(
    REQID,
    { stdout: text, stderr: "short" },
    {
      host: "b",
      stdout: "",
      stderr: bytes.toString(),
      stderr_b64: bytes.toString("base64"),
      stderr_dropped: 7,
    },
  );
  expect(stage.json().results).toMatchObject([
    // A character is not cut.
    {
      stdout: "x".repeat(65_535),
      stdout_dropped: 11,
      stdout_file: `${REQID}.d/0.stdout`,
      stderr: "short",
    },
    {
      stdout: "",
      stderr: "y".repeat(65_536),
      stderr_b64: bytes.subarray(0, 65_536).toString("base64"),
      stderr_dropped: 70_001 - 65_536 + 7,
      stderr_file: `${REQID}.d/1.stderr`,
    },
  ]);
  expect(readdirSync(stage.runs(`${REQID}.d`)).sort()).toEqual(["0.stdout", "1.stderr"]);
  expect(readFileSync(stage.runs(`${REQID}.d`, "1.stderr")).equals(bytes)).toBe(true);
  expect(statSync(stage.runs(`${REQID}.d`)).mode & 0o777).toBe(0o750);
  expect(statSync(stage.runs(`${REQID}.d`, "0.stdout")).mode & 0o777).toBe(0o640);
  const [first, second] = (await stage.read())?.results ?? [];
  expect(first).not.toHaveProperty("stdout_file");
  expect(first).not.toHaveProperty("stdout_dropped");
  expect(second?.stderr_dropped).toBe(7);
});

test("an output that is as long as fits is in the record alone", async () => {
  using stage = await Stage.open();
  await stage.ran(REQID, { stdout: "x".repeat(65_536) });
  expect(stage.json().results[0]?.stdout).toHaveLength(65_536);
  expect(existsSync(stage.runs(`${REQID}.d`))).toBe(false);
});

function replaceByFolder(file: string): void {
  rmSync(file);
  mkdirSync(file);
}

test.each([
  ["gone", (file: string) => rmSync(file)],
  ["empty", (file: string) => writeFileSync(file, "")],
  ["a folder", replaceByFolder],
])(
  "a file that is %s: the record has the beginning, and says what is missing",
  async (_, spoil) => {
    using stage = await Stage.open();
    await stage.ran(REQID, { stdout: "x".repeat(100_000) });
    spoil(stage.runs(`${REQID}.d`, "0.stdout"));
    const [first] = (await stage.read())?.results ?? [];
    expect(String(first?.stdout)).toHaveLength(65_536);
    expect(first?.stdout_dropped).toBe(100_000 - 65_536);
  },
);

test("a file that was cut: what is there is shown, and what is missing is said", async () => {
  using stage = await Stage.open();
  await stage.ran(REQID, { stdout: "x".repeat(100_000) });
  writeFileSync(stage.runs(`${REQID}.d`, "0.stdout"), "x".repeat(80_000));
  const [first] = (await stage.read())?.results ?? [];
  expect(Buffer.concat([...outputBytes(first!, "stdout")])).toHaveLength(80_000);
  expect(first?.stdout_dropped).toBe(20_000);
});

test("T17 no other file is read, whatever a record names", async () => {
  using stage = await Stage.open();
  await stage.ran(REQID, { stdout: "x".repeat(100_000) });
  const record = stage.json();
  record.results[0]!.stdout_file = "../../secret";
  writeFileSync(stage.runs(`${REQID}.json`), JSON.stringify(record));
  const [first] = (await stage.read())?.results ?? [];
  expect(Buffer.concat([...outputBytes(first!, "stdout")])).toHaveLength(100_000);
});

test("the output comes into its file while the run goes on", async () => {
  using stage = await Stage.open();
  const record = stage.begin();
  await record.stored;
  const output = record.output("b", new ReplyBudget(2 ** 20).open().openReply());
  await output.take("stdout", Buffer.alloc(60_000));
  expect(existsSync(stage.runs(`${REQID}.d`))).toBe(false);
  await output.take("stdout", Buffer.alloc(10_000));
  expect(statSync(stage.runs(`${REQID}.d`, "1.stdout")).size).toBe(70_000);
  await output.take("stdout", Buffer.alloc(1));
  expect(statSync(stage.runs(`${REQID}.d`, "1.stdout")).size).toBe(70_001);
  record.discard();
});

test("T69 a purge removes the outputs with their record, and what has no record; what is being written stays", async () => {
  using stage = await Stage.open("run_retention = 1000");
  const long = { stdout: "x".repeat(100_000) };
  await stage.ran(OTHER, long);
  const record = stage.begin();
  const output = record.output("a", new ReplyBudget(2 ** 20).open().openReply());
  await record.stored;
  await output.take("stdout", Buffer.alloc(100_000));
  mkdirSync(stage.runs("00000000000000ff.d"));
  writeFileSync(stage.runs("00000000000000ff.d", "0.stdout"), "left by a process that was killed");
  // An administrator has removed it: its process will write it again.
  rmSync(stage.runs(`${REQID}.json`));
  mkdirSync(stage.runs("notes.d"));
  expect(await purgeRunRecords(stage.context)).toBe(0);
  expect(readdirSync(stage.runs()).sort()).toEqual(
    [`${REQID}.d`, `${OTHER}.d`, `${OTHER}.json`, "notes.d"].sort(),
  );
  record.add(result({ ...(await output.end()) }));
  expect(await record.close()).toBe(true);
  const past = new Date(Date.now() - 1_001_000);
  for (const name of [`${OTHER}.json`, `${OTHER}.d`]) utimesSync(stage.runs(name), past, past);
  expect(await purgeRunRecords(stage.context)).toBe(1);
  expect(readdirSync(stage.runs()).sort()).toEqual([`${REQID}.d`, `${REQID}.json`, "notes.d"]);
});

test("T22 outputs that cannot be written are logged once, and the rest is recorded", async () => {
  using stage = await Stage.open();
  const record = stage.begin();
  await record.stored;
  writeFileSync(stage.runs(`${REQID}.d`), "in the way");
  const long = "x".repeat(100_000);
  record.add(result({ stdout: long, stderr: long }));
  record.add(result({ host: "b", stdout: "out" }));
  expect(await record.close()).toBe(false);
  expect(stage.log.events).toMatchObject([{ action: "run-store-fail" }]);
  expect((await stage.read())?.results).toMatchObject([
    { exit: 0, stdout: "", stderr: "", stdout_dropped: 100_000, stderr_dropped: 100_000 },
    { stdout: "out" },
  ]);
});

test("T65 what is told later of a long output leaves no file open, nor its folder", async () => {
  using stage = await Stage.open();
  await stage.ran(REQID, { host: "b" });
  const account = new ReplyBudget(2 ** 30).open();
  const told = result({ stdout: "x".repeat(100_000) });
  expect(await amendRun(stage.context, REQID, [told], account)).toBe(true);
  expect(existsSync(stage.runs(`${REQID}.d`, "0.stdout"))).toBe(true);
  const open = openFiles(process.pid).filter((file) => file.startsWith(stage.runs()));
  expect(open).toEqual([]);
});

test("T22 what is told later and cannot be written is logged", async () => {
  using stage = await Stage.open();
  await stage.ran(REQID, { host: "b" });
  const account = new ReplyBudget(2 ** 30).open();
  rmSync(stage.locks, { recursive: true, force: true });
  writeFileSync(stage.locks, "in the way");
  expect(await amendRun(stage.context, REQID, [result({})], account)).toBe(false);
  expect(stage.log.events).toMatchObject([
    { action: "run-store-fail", fields: { REQID, ERROR: expect.stringContaining(stage.locks) } },
  ]);
});
