/** counts.json: what becomes of the counts when something is wrong with the file. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { addCounts } from "../../../../src/controller/store/counts-file.ts";
import type { StoreContext } from "../../../../src/controller/store/host.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";
import { fullDisk } from "../../../support/full-disk.ts";

const NEWS = new Map([["ctrl_exec_dry_runs", [1]]]);
const ONE = { ctrl_exec_dry_runs: [1] };

let folder: TestFolder;
let log: EventLog<"ctrl-exec">;
let context: StoreContext;
let file: string;

beforeEach(async () => {
  folder = new TestFolder();
  log = new EventLog("ctrl-exec");
  const text = `state_dir = ${folder.join("state")}\n`;
  const { config } = await parseControllerConfig(folder.join("ctrl-exec.conf"), text);
  context = { config, log: log.log, now: () => new Date() };
  file = folder.join("state", "counts.json");
});

afterEach(() => folder[Symbol.dispose]());

const add = async () => Object.fromEntries((await addCounts(context, NEWS))?.counts ?? []);

test("only its user and its group may read it", async () => {
  await add();
  expect(statSync(file).mode & 0o777).toBe(0o640);
});

test("nothing is written when there is nothing to add", async () => {
  await add();
  const before = statSync(file).ino;
  await addCounts(context, new Map());
  expect(statSync(file).ino).toBe(before);
});

test("a file that was removed begins again, and says since when", async () => {
  await add();
  const before = (await addCounts(context, new Map()))?.since;
  rmSync(file);
  await Bun.sleep(1);
  expect(await add()).toEqual(ONE);
  const { since } = JSON.parse(readFileSync(file, "utf8"));
  expect(new Date(since).getTime()).toBeGreaterThan(before!.getTime());
});

test.each([
  ["cut", (text: string) => text.slice(0, -9)],
  ["empty", () => ""],
  ["of another shape", () => '{"since":"2026-01-15T12:00:00Z","counts":[1]}'],
  ["without a time", () => '{"since":"yesterday","counts":{}}'],
  ["longer than it can be", () => " ".repeat(2 ** 21)],
])("one that is %s is replaced, and the log says so", async (_, damage) => {
  await add();
  writeFileSync(file, damage(readFileSync(file, "utf8")));
  expect(await add()).toEqual(ONE);
  expect(log.events).toMatchObject([
    { action: "count-fail", level: "warning", fields: { PATH: file } },
  ]);
  expect(await add()).toEqual({ ctrl_exec_dry_runs: [2] });
});

test("T22 on a full disk nothing is added, and what was counted stays", async () => {
  await add();
  {
    using _full = fullDisk(8);
    expect(await addCounts(context, NEWS)).toBeUndefined();
  }
  expect(log.of("count-fail")).toMatchObject([{ fields: { PATH: file } }]);
  expect(await add()).toEqual({ ctrl_exec_dry_runs: [2] });
});

test("something else in its place is not followed, and nothing waits for it", async () => {
  mkdirSync(folder.join("state"));
  expect(Bun.spawnSync(["mkfifo", file]).exitCode).toBe(0);
  expect(await addCounts(context, NEWS)).toBeUndefined();
  expect(log.of("count-fail")).toHaveLength(1);
});

if (process.geteuid?.() !== 0) {
  test("who may only read there counts nothing, and is told nothing", async () => {
    await add();
    chmodSync(folder.join("state", "locks"), 0o500);
    chmodSync(folder.join("state", "locks", ".counts"), 0o400);
    expect(await addCounts(context, NEWS)).toBeUndefined();
    expect(log.events).toEqual([]);
    chmodSync(folder.join("state", "locks"), 0o700);
  });
}
