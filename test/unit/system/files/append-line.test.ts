import { expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { appendLine } from "../../../../src/system/files/append-line.ts";
import { readText } from "../../../../src/system/files/files.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const appendModule = join(import.meta.dir, "../../../../src/system/files/append-line.ts");

test("a line that fits in part only: no part of it stays", () => {
  using folder = new TestFolder();
  const old = `${"o".repeat(49_999)}\n`;
  const path = folder.write("f", old);
  const code = `const { appendLine } = await import(${JSON.stringify(appendModule)});
    try { appendLine(${JSON.stringify(path)}, "x".repeat(60_000), 0o600); }
    catch (error) { console.log(error.code, error.message); }`;
  // Between 50,000 and 110,000 bytes, whatever the shell's blocks are. A part is written first.
  const child = Bun.spawnSync([
    "/bin/sh",
    "-c",
    'trap "" XFSZ; ulimit -f 100; exec "$0" -e "$1"',
    process.execPath,
    code,
  ]);
  expect(child.stdout.toString()).toBe(`storage Cannot write ${path}: no space left on the disk\n`);
  expect(readText(path)).toBe(old);
});

test("T10 a line after a part of one, as a kill leaves it, is a line of its own", () => {
  using folder = new TestFolder();
  const path = folder.write("f", "whole\ncu");
  appendLine(path, "next", 0o600);
  appendLine(path, "last", 0o600);
  expect(readText(path)).toBe("whole\ncu\nnext\nlast\n");
});

test("a new line's file has the mode asked for, and an old one keeps its own", () => {
  using folder = new TestFolder();
  appendLine(folder.join("f"), "one", 0o600);
  appendLine(folder.join("f"), "two", 0o644);
  expect([readText(folder.join("f")), statSync(folder.join("f")).mode & 0o777]).toEqual([
    "one\ntwo\n",
    0o600,
  ]);
});

test("T74 a FIFO is never waited for, nor written to, and no descriptor stays open", () => {
  using folder = new TestFolder();
  const fifo = folder.join("fifo");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  expect(() => appendLine(fifo, "x", 0o600)).toThrow("it is not a plain file");
  appendLine(folder.join("f"), "one", 0o600);
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
  expect(readdirSync(folder.path).toSorted()).toEqual(["f", "fifo"]);
});
