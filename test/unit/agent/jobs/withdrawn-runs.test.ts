import { expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { WithdrawnRuns } from "../../../../src/agent/jobs/withdrawn-runs.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const MOST = 10_000;
const reqid = (count: number) => count.toString(16).padStart(16, "0");

test("what is withdrawn is noted once, for the next agent", () => {
  using folder = new TestFolder();
  const jobs = folder.join("jobs");
  const runs = new WithdrawnRuns(jobs);
  expect(runs.has(reqid(1))).toBe(false);
  expect([runs.add(reqid(1)), runs.add(reqid(2)), runs.add(reqid(1))]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(readFileSync(folder.join("jobs/withdrawn"), "utf8")).toBe(`\n${reqid(1)}\n${reqid(2)}`);
  expect(statSync(folder.join("jobs/withdrawn")).mode & 0o777).toBe(0o600);
  const next = new WithdrawnRuns(jobs);
  expect([next.has(reqid(1)), next.has(reqid(2)), next.has(reqid(3))]).toEqual([true, true, false]);
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});

test("what could not be noted is withdrawn all the same, and is noted once there is room", () => {
  using folder = new TestFolder();
  const jobs = folder.write("jobs", "");
  const runs = new WithdrawnRuns(jobs);
  const problem = (path: string, why: string) => `Cannot write ${path}/withdrawn: ${why}`;
  expect(runs.add(reqid(1))).toBe(problem(jobs, "it is no folder"));
  expect(runs.has(reqid(1))).toBe(true);
  using other = new TestFolder();
  chmodSync(other.path, 0o700);
  const later = new WithdrawnRuns(other.path);
  writeFileSync(other.join("withdrawn"), "");
  chmodSync(other.path, 0o777);
  expect(later.add(reqid(1))).toBe(
    problem(other.path, "others may open it; chmod 700 makes it this agent's alone"),
  );
  chmodSync(other.path, 0o700);
  expect(later.add(reqid(1))).toBeUndefined();
  expect(new WithdrawnRuns(other.path).has(reqid(1))).toBe(true);
});

test("the oldest are forgotten, and the file is shortened once it has twice as many", () => {
  using folder = new TestFolder();
  chmodSync(folder.path, 0o700);
  const file = folder.join("withdrawn");
  const noted = (count: number) => Array.from({ length: count }, (_, n) => `\n${reqid(n)}`);
  const lines = () => readFileSync(file, "utf8").split("\n").length - 1;
  writeFileSync(file, noted(2 * MOST - 1).join(""));
  const runs = new WithdrawnRuns(folder.path);
  expect([runs.has(reqid(MOST - 2)), runs.has(reqid(MOST - 1))]).toEqual([false, true]);
  expect(runs.add(reqid(2 * MOST - 1))).toBeUndefined();
  expect([runs.has(reqid(MOST - 1)), lines()]).toEqual([false, 2 * MOST]);
  expect(runs.add(reqid(2 * MOST))).toBeUndefined();
  expect(lines()).toBe(MOST + 1);
  expect(runs.add(reqid(2 * MOST + 1))).toBeUndefined();
  expect(lines()).toBe(MOST + 2);
  expect(new WithdrawnRuns(folder.path).has(reqid(2 * MOST + 1))).toBe(true);
});
