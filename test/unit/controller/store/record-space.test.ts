/** T69: how much disk the records of runs take, and which of them go when it is too much. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, utimesSync } from "node:fs";
import type { StoreContext } from "../../../../src/controller/store/host.ts";
import { isInUse, useFolder } from "../../../../src/controller/store/output-folder-lock.ts";
import {
  noteRecordWritten,
  purgeRunRecords,
  takeSpace,
} from "../../../../src/controller/store/record-space.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";

const MIB = 2 ** 20;
/** What may be written before the folder is looked through. */
const STEP = MIB;

let folder: TestFolder;
let log: EventLog<"ctrl-exec">;
let context: StoreContext;
let now: Date;
beforeEach(async () => {
  folder = new TestFolder();
  log = new EventLog("ctrl-exec");
  now = new Date();
  const lines = ["run_records_max = 16M", "run_retention = 1000", `state_dir = ${folder.path}`];
  const { config } = await parseControllerConfig("x.conf", `${lines.join("\n")}\n`);
  context = { config, log: log.log, now: () => now };
});
afterEach(() => folder[Symbol.dispose]());

const idOf = (number: number) => number.toString(16).padStart(16, "0");

function aged(path: string, seconds: number): void {
  const time = new Date(now.getTime() - seconds * 1000);
  utimesSync(path, time, time);
}

/** @param age in seconds */
function record(number: number, bytes: number, age: number): void {
  aged(folder.write(`runs/${idOf(number)}.json`, Buffer.alloc(bytes)), age);
}

function outputs(number: number, bytes: number, age: number): string {
  folder.write(`runs/${idOf(number)}.d/0.stdout`, Buffer.alloc(bytes));
  const path = folder.join("runs", `${idOf(number)}.d`);
  aged(path, age);
  return path;
}

const left = () =>
  readdirSync(folder.join("runs"))
    .map((name) => name.replace(/^0+/, ""))
    .toSorted();

test("records are kept as long as run_retention says, to the second", async () => {
  record(1, 10, 1000);
  record(2, 10, 1000.001);
  record(3, 10, 0);
  expect(await purgeRunRecords(context)).toBe(1);
  expect(left()).toEqual(["1.json", "3.json"]);
  expect(log.events).toEqual([]);
});

test("what is too much goes, oldest first, with its outputs, and the log says how many", async () => {
  record(1, 10, 30);
  outputs(1, 8 * MIB, 40);
  // Older outputs, and a record that was touched since.
  record(2, 10, 20);
  outputs(2, 8 * MIB, 50);
  record(3, 10, 10);
  expect(await purgeRunRecords(context)).toBe(1);
  expect(left()).toEqual(["2.d", "2.json", "3.json"]);
  expect(log.events).toMatchObject([
    { action: "run-purge", fields: { COUNT: 1, REASON: "run_records_max" } },
  ]);
  // As much as there may be is not too much.
  record(4, 8 * MIB - 20, 60);
  expect(await purgeRunRecords(context)).toBe(0);
  record(4, 8 * MIB - 19, 60);
  expect(await purgeRunRecords(context)).toBe(1);
  expect(left()).toEqual(["2.d", "2.json", "3.json"]);
});

test("outputs of nobody go, and count as no run; those that are being written stay, until they expire", async () => {
  outputs(1, 10, 5);
  const written = outputs(2, 10, 5);
  const letGo = useFolder(written);
  folder.write(`runs/${idOf(3)}.d`, "no folder");
  Bun.spawnSync(["mkfifo", folder.join("runs", `${idOf(4)}.d`)]);
  folder.write("runs/notes.d/x", "");
  expect(await purgeRunRecords(context)).toBe(0);
  expect(left()).toEqual(["2.d", "notes.d"]);
  aged(written, 1001);
  expect(await purgeRunRecords(context)).toBe(0);
  expect(left()).toEqual(["notes.d"]);
  letGo();
});

test("what is still written counts, and makes older ones go", async () => {
  const letGo = useFolder(outputs(1, 15 * MIB, 100));
  record(1, 10, 100);
  record(2, 2 * MIB, 50);
  expect(await purgeRunRecords(context)).toBe(1);
  expect(left()).toEqual(["1.d", "1.json"]);
  letGo();
});

test("leftovers of writes that were cut off go when their process has", async () => {
  const cut = folder.write(`runs/.${idOf(1)}.json.0123456789ab.tmp`, "cut");
  aged(cut, 601);
  await purgeRunRecords(context);
  expect(existsSync(cut)).toBe(false);
});

test("without records there is nothing to do; what cannot be looked through is said", async () => {
  expect(await purgeRunRecords(context)).toBe(0);
  folder.write("runs", "in the way");
  await expect(purgeRunRecords(context)).rejects.toMatchObject({
    code: "storage",
    message: expect.stringContaining(`Cannot purge ${folder.join("runs")}: `),
  });
});

test("a process that writes little does not look; one that has written a part of what may be does", async () => {
  record(1, 10, 2000);
  expect(await takeSpace(context, STEP)).toBe(true);
  expect(left()).toEqual(["1.json"]);
  expect(await takeSpace(context, 1)).toBe(true);
  expect(left()).toEqual([]);
  // From here on it has looked, and may write on.
  record(2, 10, 2000);
  expect(await takeSpace(context, STEP - 1)).toBe(true);
  expect(left()).toEqual(["2.json"]);
  expect(await takeSpace(context, 1)).toBe(true);
  expect(left()).toEqual([]);
});

test("where much may be written, the first look comes after 1 MiB, and each other one after 64", async () => {
  const config = { ...context.config, run_records_max: 2 ** 31 };
  const take = async (bytes: number) => {
    expect(await takeSpace({ ...context, config }, bytes)).toBe(true);
    return left();
  };
  record(1, 10, 2000);
  expect(await take(MIB)).toEqual(["1.json"]);
  expect(await take(1)).toEqual([]);
  record(2, 10, 2000);
  expect(await take(64 * MIB - 1)).toEqual(["2.json"]);
  expect(await take(1)).toEqual([]);
});

test("room is made for what is written, and refused where all of it is in use", async () => {
  record(1, 15 * MIB, 20);
  expect(await takeSpace(context, STEP + 1)).toBe(true);
  expect(left()).toEqual([]);
  const letGo = useFolder(outputs(2, 15 * MIB, 5));
  expect(await takeSpace(context, STEP)).toBe(true);
  folder.write(`runs/${idOf(2)}.d/1.stdout`, Buffer.alloc(10));
  expect(await takeSpace(context, STEP)).toBe(false);
  // Less than that still has room, once.
  expect(await takeSpace(context, STEP - 10)).toBe(true);
  letGo();
  expect(await takeSpace(context, STEP)).toBe(true);
  expect(left()).toEqual([]);
});

test("T22 a record was written all the same if the folder cannot be looked through: it is logged", async () => {
  folder.write("runs", "in the way");
  await noteRecordWritten(context, 100);
  expect(log.events).toEqual([]);
  await noteRecordWritten(context, 2 * STEP);
  expect(log.events).toMatchObject([
    { action: "run-purge-fail", fields: { ERROR: expect.stringContaining("Cannot purge") } },
  ]);
});

test("a folder is in use from the moment on that somebody writes into it, until he lets it go", () => {
  const path = folder.join("runs", `${idOf(1)}.d`);
  expect(isInUse(path)).toBe(false);
  outputs(1, 1, 0);
  expect(isInUse(path)).toBe(false);
  const letGo = useFolder(path);
  expect([isInUse(path), isInUse(path)]).toEqual([true, true]);
  letGo();
  expect(isInUse(path)).toBe(false);
  rmSync(path, { recursive: true });
  expect(() => useFolder(path)).toThrow("ENOENT");
});
