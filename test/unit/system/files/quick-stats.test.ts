import { expect, test } from "bun:test";
import { statSync, symlinkSync, truncateSync, utimesSync } from "node:fs";
import { constants } from "node:os";
import { type QuickStats, quickStats } from "../../../../src/system/files/quick-stats.ts";
import { TestFolder } from "../../../support/folder.ts";

const MEMBERS = ["ino", "mode", "size", "mtimeMs", "ctimeMs"] as const;

const { errno } = constants;

function numbersOf(path: string): QuickStats {
  const stats = quickStats(path);
  if (typeof stats === "number") throw new Error(`errno ${stats}`);
  return stats;
}

/** node:fs has a number of its own for a device, of which only whether it is the same matters. */
function expectTheSame(path: string): void {
  const { dev: _, ...others } = numbersOf(path);
  const stats = statSync(path);
  expect(others).toEqual(Object.fromEntries(MEMBERS.map((name) => [name, stats[name]])) as never);
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

test("another disk is another device", () => {
  using folder = new TestFolder();
  expect(numbersOf(folder.write("a", "x")).dev).toBe(numbersOf(folder.path).dev);
  expect(numbersOf("/proc").dev).not.toBe(numbersOf("/").dev);
});

test("the first second of all, one in a hundred years, and more than four gigabytes", () => {
  using folder = new TestFolder();
  const file = folder.write("a", "");
  for (const time of [0, 5_000_000_000.5]) {
    utimesSync(file, time, time);
    expectTheSame(file);
    expect(numbersOf(file).mtimeMs).toBe(time * 1000);
  }
  truncateSync(file, 5 * 2 ** 30 + 3);
  expect(numbersOf(file).size).toBe(5 * 2 ** 30 + 3);
});

test("what is not there, or has a path that is too long, is an errno", () => {
  using folder = new TestFolder();
  const file = folder.write("a", "x");
  expect(quickStats(folder.join("none"))).toBe(errno.ENOENT);
  expect(quickStats(`${file}/b`)).toBe(errno.ENOTDIR);
  expect(quickStats(folder.join("a".repeat(300)))).toBe(errno.ENAMETOOLONG);
  // One byte more than a path may have; all that fits would be the folder's.
  const slashes = "/".repeat(4096 - folder.path.length);
  expect(quickStats(`${folder.path}${slashes}`)).toBe(errno.ENAMETOOLONG);
  expect(quickStats(`${folder.path}${slashes.slice(1)}`)).toEqual(quickStats(folder.path));
  for (const more of [4095, 4096, 20_000]) {
    expect(quickStats(`${folder.path}${slashes}${"/".repeat(more)}ü`)).toBe(errno.ENAMETOOLONG);
  }
});
