/** Whose word counts for what this process does with its rights. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, chownSync } from "node:fs";
import { readTrustedText } from "../../src/system/trusted-file.ts";
import { TestFolder } from "../support/folder.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());

const uid = process.getuid?.() ?? 0;
const file = folder.write("ctrl-exec.conf", "read_timeout = 5\n");

test("a file of root or of who runs this is read", () => {
  expect(readTrustedText(file)).toBe("read_timeout = 5\n");
  expect(readTrustedText("/etc/passwd", undefined, 12_345)).toContain("root");
});

test("another user's file is refused", () => {
  if (uid === 0) chownSync(file, 12_345, 12_345);
  const owner = uid === 0 ? 12_345 : uid;
  expect(() => readTrustedText(file, undefined, owner + 1)).toThrow(
    `Cannot use ${file}: it belongs to another user (uid ${owner})`,
  );
  expect(readTrustedText(file, undefined, owner)).toContain("read_timeout");
});

test("a file that every user may write is refused", () => {
  const open = folder.write("open.conf", "");
  chmodSync(open, 0o606);
  expect(() => readTrustedText(open)).toThrow(/every user of this host may write it/);
});

test("only the file that need not be there may be missing", () => {
  const nowhere = folder.join("nowhere");
  expect(readTrustedText(nowhere, "")).toBe("");
  expect(() => readTrustedText(nowhere)).toThrow(`Cannot read ${nowhere}: no such file or folder`);
  // Not being allowed to look is not the same as nothing being there.
  expect(() => readTrustedText(`${file}/below`, "")).toThrow("a part of its path is not a folder");
});

test("a file without end is refused unread", () => {
  for (const path of ["/dev/zero", "/proc/self/cmdline"]) {
    expect(() => readTrustedText(path)).toThrow(`Cannot use ${path}: it is no plain file`);
  }
  expect(() => readTrustedText(folder.path)).toThrow(/it is a folder/);
  const long = folder.write("long.conf", "#".repeat(1_048_577));
  expect(() => readTrustedText(long)).toThrow(/longer than 1 MiB/);
});
