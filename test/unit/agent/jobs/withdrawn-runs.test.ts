import { expect, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { WithdrawnRuns } from "../../../../src/agent/jobs/withdrawn-runs.ts";
import { TestFolder } from "../../../support/folder.ts";
import { fullDisk } from "../../../support/full-disk.ts";
import { openFiles } from "../../../support/processes.ts";

const MOST = 10_000;
const reqid = (count: number) => count.toString(16).padStart(16, "0");

test("what is withdrawn is noted once, for the next agent", () => {
  using folder = new TestFolder();
  const jobs = folder.join("jobs");
  const runs = new WithdrawnRuns(jobs);
  expect(runs.by(reqid(1))).toBeUndefined();
  const name = `O'Neil "é"\n${reqid(3)}\n`;
  const again = [runs.add(reqid(1), ""), runs.add(reqid(2), name), runs.add(reqid(2), "bob")];
  expect(again).toEqual([undefined, undefined, undefined]);
  expect(readFileSync(folder.join("jobs/withdrawn"), "utf8")).toBe(
    `\n${reqid(1)}\n${reqid(2)} ${JSON.stringify(name)}`,
  );
  expect(statSync(folder.join("jobs/withdrawn")).mode & 0o777).toBe(0o600);
  const next = new WithdrawnRuns(jobs);
  expect([1, 2, 3].map((count) => next.by(reqid(count)))).toEqual(["", name, undefined]);
  runs.add(reqid(4), `${"x".repeat(254)}😀`);
  expect(runs.by(reqid(4))).toBe(`${"x".repeat(254)}\ufffd`);
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});

test("what could not be noted is withdrawn all the same, and is noted once there is room", () => {
  using folder = new TestFolder();
  const jobs = folder.write("jobs", "");
  const runs = new WithdrawnRuns(jobs);
  const problem = (path: string, why: string) => `Cannot write ${path}/withdrawn: ${why}`;
  expect(runs.add(reqid(1), "ann")).toBe(problem(jobs, "it is not a folder"));
  expect(runs.by(reqid(1))).toBe("ann");
  using other = new TestFolder();
  chmodSync(other.path, 0o700);
  const later = new WithdrawnRuns(other.path);
  writeFileSync(other.join("withdrawn"), "");
  chmodSync(other.path, 0o777);
  expect(later.add(reqid(1), "ann")).toBe(
    problem(other.path, "others may open it; chmod 700 makes it this agent's alone"),
  );
  chmodSync(other.path, 0o700);
  expect(later.add(reqid(1), "ann")).toBeUndefined();
  expect(new WithdrawnRuns(other.path).by(reqid(1))).toBe("ann");
});

test("the oldest are forgotten, and the file is shortened once it has twice as many", () => {
  using folder = new TestFolder();
  chmodSync(folder.path, 0o700);
  const file = folder.join("withdrawn");
  const noted = (count: number) => Array.from({ length: count }, (_, n) => `\n${reqid(n)}`);
  const lines = () => readFileSync(file, "utf8").split("\n").length - 1;
  writeFileSync(file, noted(2 * MOST - 1).join(""));
  const runs = new WithdrawnRuns(folder.path);
  expect([runs.by(reqid(MOST - 2)), runs.by(reqid(MOST - 1))]).toEqual([undefined, ""]);
  expect(runs.add(reqid(2 * MOST - 1), "ann")).toBeUndefined();
  expect([runs.by(reqid(MOST - 1)), lines()]).toEqual([undefined, 2 * MOST]);
  expect(runs.add(reqid(2 * MOST), "ann")).toBeUndefined();
  expect(lines()).toBe(MOST + 1);
  expect(runs.add(reqid(2 * MOST + 1), "ann")).toBeUndefined();
  expect(lines()).toBe(MOST + 2);
  expect(new WithdrawnRuns(folder.path).by(reqid(2 * MOST + 1))).toBe("ann");
});

test("what a full disk has cut is not a promise, and harms no other", () => {
  using folder = new TestFolder();
  chmodSync(folder.path, 0o700);
  const runs = new WithdrawnRuns(folder.path);
  expect(runs.add(reqid(1), "")).toBeUndefined();
  {
    using _full = fullDisk(25);
    expect(runs.add(reqid(2), "")).toBe(
      `Cannot write ${folder.path}/withdrawn: no space left on the disk`,
    );
  }
  expect(runs.add(reqid(3), "")).toBeUndefined();
  const next = new WithdrawnRuns(folder.path);
  expect([1, 2, 3].map((count) => next.by(reqid(count)))).toEqual(["", undefined, ""]);
});

test("the file is removed meanwhile: it is written again, with everything that was in it", () => {
  using folder = new TestFolder();
  chmodSync(folder.path, 0o700);
  const file = folder.join("withdrawn");
  const runs = new WithdrawnRuns(folder.path);
  runs.noteAgain();
  expect(folder.has("withdrawn")).toBe(false);
  for (const count of [1, 2]) runs.add(reqid(count), "");
  rmSync(file);
  expect(runs.add(reqid(1), "")).toBeUndefined();
  const noted = () => readFileSync(file, "utf8").trim().split("\n").sort();
  expect(new Set(noted())).toEqual(new Set([reqid(1), reqid(2)]));
  rmSync(file);
  runs.noteAgain();
  expect(noted()).toEqual([reqid(1), reqid(2)]);
  writeFileSync(file, "");
  runs.noteAgain();
  expect(readFileSync(file, "utf8")).toBe("");
});
