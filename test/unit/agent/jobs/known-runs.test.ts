/** Of which runs an agent is certain that they have not run, also after it was started again. */
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { KnownRuns } from "../../../../src/agent/jobs/known-runs.ts";
import { TestFolder } from "../../../support/folder.ts";

const at = (minute: number) => Date.UTC(2026, 0, 1, 12, minute);
const MINUTE = 60_000;
const started = (folder: TestFolder, minute: number) =>
  new KnownRuns(folder.path, new Date(at(minute)));

test("without a note of an earlier agent it knows of nothing before its own start", () => {
  using folder = new TestFolder();
  const known = started(folder, 10);
  expect(known.since(new Date(at(11)))).toBe(MINUTE);
  // Its clock was set back.
  expect(known.since(new Date(at(9)))).toBe(0);
});

test("the next agent knows as much, and what was forgotten is not known any more", () => {
  using folder = new TestFolder();
  const first = started(folder, 10);
  first.note();
  expect(started(folder, 50).since(new Date(at(50)))).toBe(40 * MINUTE);
  first.forget(at(20));
  first.forget(at(15));
  for (const known of [first, started(folder, 50)]) {
    expect(known.since(new Date(at(50)))).toBe(30 * MINUTE);
  }
  expect(statSync(folder.join("known-since")).mode & 0o777).toBe(0o600);
});

test("a folder that was made anew does not go back further than what is known", () => {
  using folder = new TestFolder();
  const known = started(folder, 10);
  known.forget(at(30));
  known.note();
  expect(started(folder, 50).since(new Date(at(50)))).toBe(20 * MINUTE);
});

test("what was withdrawn stays so, as long as there is room", () => {
  using folder = new TestFolder();
  const known = started(folder, 10);
  for (let count = 0; count <= 10_000; count += 1) known.withdraw(`run-${count}`);
  expect(known.isWithdrawn("run-0")).toBe(false);
  expect(known.isWithdrawn("run-1")).toBe(true);
  expect(known.isWithdrawn("run-10000")).toBe(true);
});
