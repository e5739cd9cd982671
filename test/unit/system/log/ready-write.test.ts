import { expect, test } from "bun:test";
import { closeSync, constants, openSync, readFileSync, readSync } from "node:fs";
import { readyWriteTo, requireGiven } from "../../../../src/system/log/ready-write.ts";
import { closeAll, openPipes } from "../../../../src/system/process/pipe.ts";
import { TestFolder } from "../../../support/folder.ts";

test("a file takes all of it at once", () => {
  using folder = new TestFolder();
  const file = openSync(folder.join("f"), "w");
  const write = readyWriteTo(file);
  expect([write(Buffer.from("one ")), write(Buffer.from("two"))]).toEqual([undefined, undefined]);
  closeSync(file);
  expect(readFileSync(folder.join("f"), "utf8")).toBe("one two");
  expect(() => readyWriteTo(file)).toThrow("EBADF");
});

test("T66 a pipe takes what it has room for, and the rest when it was read", () => {
  const [pipe] = openPipes(1);
  if (pipe === undefined) throw new Error("no pipe");
  const write = readyWriteTo(pipe.writeEnd);
  const bytes = Buffer.alloc(100_000, "x");
  const rest = write(bytes);
  const taken = bytes.length - (rest?.length ?? 0);
  expect(taken).toBeGreaterThanOrEqual(4096);
  expect(rest?.length).toBeGreaterThan(0);
  expect(write(rest ?? bytes)).toHaveLength(rest?.length ?? 0);
  let read = 0;
  const buffer = Buffer.alloc(65_536);
  while (read < taken) read += readSync(pipe.readEnd, buffer);
  expect(write(rest ?? bytes)).toBeUndefined();
  closeAll(pipe.readEnd);
  expect(() => write(Buffer.from("x"))).toThrow("EPIPE");
  closeAll(pipe.writeEnd);
});

test("a descriptor that the runtime has opened in place of a closed one is not one that was given", () => {
  using folder = new TestFolder();
  const file = openSync(folder.join("f"), "w");
  const closedOnExec = openSync("/dev/null", constants.O_WRONLY);
  requireGiven(file);
  expect(() => requireGiven(closedOnExec)).toThrow("it is closed");
  for (const descriptor of [file, closedOnExec]) closeSync(descriptor);
  const module = `${import.meta.dir}/../../../../src/system/log/ready-write.ts`;
  const code = `(await import(${JSON.stringify(module)})).requireGiven(1);`;
  const given = Bun.spawnSync(["sh", "-c", 'exec "$0" -e "$1" >/dev/null', process.execPath, code]);
  expect(given.exitCode).toBe(0);
});
