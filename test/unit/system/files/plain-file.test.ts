import { expect, test } from "bun:test";
import { symlinkSync, truncateSync } from "node:fs";
import { readPlainFile } from "../../../../src/system/files/plain-file.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const MIB = 2 ** 20;

test("a file is read if it is no longer than asked for, 64 MiB if nothing is asked", () => {
  using folder = new TestFolder();
  const file = folder.write("f", "abc");
  expect(readPlainFile(file, { maxBytes: 3 }).bytes.toString()).toBe("abc");
  expect(() => readPlainFile(file, { maxBytes: 2 })).toThrow("it is longer than 2 bytes");
  truncateSync(file, 64 * MIB + 1);
  expect(() => readPlainFile(file)).toThrow("it is longer than 64 MiB");
  truncateSync(file, 33 * MIB);
  expect(readPlainFile(file).bytes.length).toBe(33 * MIB);
});

test("links and files of /proc are read unless the rule says otherwise", () => {
  using folder = new TestFolder();
  symlinkSync(folder.write("f", "abc"), folder.join("link"));
  expect(readPlainFile(folder.join("link")).stats.size).toBe(3);
  expect(() => readPlainFile(folder.join("link"), { noLink: true })).toThrow("ELOOP");
  expect(readPlainFile("/proc/self/cmdline").bytes.length).toBeGreaterThan(0);
  expect(() => readPlainFile("/proc/self/cmdline", { noProc: true })).toThrow(
    "it is not a plain file",
  );
});

test("no descriptor stays open, whether the file is read or refused", () => {
  using folder = new TestFolder();
  const file = folder.write("f", "abc");
  readPlainFile(file);
  expect(() => readPlainFile(folder.path)).toThrow("it is a folder");
  const open = openFiles(process.pid);
  expect(open).not.toContain(file);
  expect(open).not.toContain(folder.path);
});
