import { expect, test } from "bun:test";
import { readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { closeAll, isReadable, openPipes } from "../../../../src/system/process/pipe.ts";

test("a pipe can be read once something has come, or nobody can write any more", () => {
  const [one, two] = openPipes(2);
  if (one === undefined || two === undefined) throw new Error("no pipes");
  expect(openPipes(0)).toEqual([]);
  expect(isReadable(one.readEnd)).toBe(false);
  writeSync(one.writeEnd, "x");
  expect([isReadable(one.readEnd), isReadable(two.readEnd)]).toEqual([true, false]);
  expect(readSync(one.readEnd, Buffer.alloc(2))).toBe(1);
  closeAll(one.writeEnd, two.writeEnd);
  expect([isReadable(one.readEnd), isReadable(two.readEnd)]).toEqual([true, true]);
  expect(readSync(one.readEnd, Buffer.alloc(2))).toBe(0);
  closeAll(one.readEnd, two.readEnd);
  expect(() => closeAll(one.readEnd)).toThrow("EBADF");
});

test("T65 where not all can be opened none stays open", () => {
  const module = join(import.meta.dir, "../../../../src/system/process/pipe.ts");
  const code = `const { openPipes } = await import(${JSON.stringify(module)});
    const { readdirSync } = await import("node:fs");
    openPipes(1);
    const count = () => readdirSync("/proc/self/fd").length;
    const before = count();
    try { openPipes(40); } catch (error) { console.log(error.code, count() - before); }`;
  const shell = 'ulimit -n 64; exec "$0" -e "$1"';
  const { stdout } = Bun.spawnSync(["sh", "-c", shell, process.execPath, code]);
  expect(stdout.toString()).toBe("EMFILE 0\n");
});
