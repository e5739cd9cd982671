import { expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { closeToOthers } from "../../../../src/system/files/close-to-others.ts";
import { TestFolder } from "../../../support/folder.ts";

const modeOf = (path: string) => statSync(path).mode & 0o7777;

test("only the rights that are named are taken away, of a file and of a folder", () => {
  using folder = new TestFolder();
  const file = folder.write("file", "text", 0o666);
  expect(closeToOthers(file, 0o022)).toEqual({ before: 0o666, after: 0o644 });
  expect(closeToOthers(file, 0o022)).toBeUndefined();
  mkdirSync(folder.join("sub"));
  chmodSync(folder.join("sub"), 0o2775);
  expect(closeToOthers(folder.join("sub"), 0o022)).toEqual({ before: 0o2775, after: 0o2755 });
  expect([modeOf(file), modeOf(folder.join("sub"))]).toEqual([0o644, 0o2755]);
});

test("T62 what may be somebody else's is left alone: a link, a second name, a FIFO, what is missing", () => {
  using folder = new TestFolder();
  const theirs = folder.write("theirs", "", 0o666);
  symlinkSync(theirs, folder.join("link"));
  linkSync(theirs, folder.join("second"));
  Bun.spawnSync(["mkfifo", "-m", "666", folder.join("fifo")]);
  const close = (name: string) => () => closeToOthers(folder.join(name), 0o077);
  expect(close("link")).toThrow("too many symbolic links");
  expect(close("second")).toThrow("it is not this user's alone");
  expect(close("fifo")).toThrow("it is not this user's alone");
  expect(close("missing")).toThrow("no such file or folder");
  expect([modeOf(theirs), modeOf(folder.join("fifo"))]).toEqual([0o666, 0o666]);
});
