import { expect, test } from "bun:test";
import { statSync, symlinkSync, truncateSync, utimesSync } from "node:fs";
import { quickStats } from "../../../../src/system/files/quick-stats.ts";
import { TestFolder } from "../../../support/folder.ts";

const MEMBERS = ["dev", "ino", "mode", "size", "mtimeMs", "ctimeMs"] as const;

function expectTheSame(path: string): void {
  const stats = statSync(path);
  expect(quickStats(path)).toEqual({ ...quickStats(path), ...pick(stats) } as never);
}

/** node:fs has a number of its own for a device, of which only whether it is the same matters. */
function pick(stats: ReturnType<typeof statSync>) {
  const others = MEMBERS.filter((name) => name !== "dev");
  return Object.fromEntries(others.map((name) => [name, stats?.[name]]));
}

test("a file, a folder and what a link leads to are as node:fs says", () => {
  using folder = new TestFolder();
  const file = folder.write("a", "hello", 0o640);
  symlinkSync(file, folder.join("link"));
  for (const path of [file, folder.path, folder.join("link"), folder.write("über 🚀", "x")]) {
    expectTheSame(path);
  }
  expect(quickStats(folder.join("link"))).toEqual(quickStats(file));
});

test("the first second of all, one in a hundred years, and more than four gigabytes", () => {
  using folder = new TestFolder();
  const file = folder.write("a", "");
  for (const time of [0, 5_000_000_000.5]) {
    utimesSync(file, time, time);
    expectTheSame(file);
    expect(quickStats(file)?.mtimeMs).toBe(time * 1000);
  }
  truncateSync(file, 5 * 2 ** 30 + 3);
  expect(quickStats(file)?.size).toBe(5 * 2 ** 30 + 3);
});

test("what is not there, or has a path that is too long, is nothing", () => {
  using folder = new TestFolder();
  expect(quickStats(folder.join("none"))).toBeUndefined();
  expect(quickStats(folder.join("a".repeat(300)))).toBeUndefined();
  // One byte more than a path may have; all that fits would be the folder's.
  const slashes = "/".repeat(4096 - folder.path.length);
  expect(quickStats(`${folder.path}${slashes}`)).toBeUndefined();
  expect(quickStats(`${folder.path}${slashes.slice(1)}`)).toEqual(quickStats(folder.path));
  for (const more of [4095, 4096, 20_000]) {
    expect(quickStats(`${folder.path}${slashes}${"/".repeat(more)}ü`)).toBeUndefined();
  }
});
