import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { takeLock, tryLock } from "../../src/system/lock.ts";
import { baseEnvironment, runProcess } from "../../src/system/process.ts";
import { TestFolder, until } from "../support/folder.ts";

const lockModule = join(import.meta.dir, "../../src/system/lock.ts");

/** Another process that takes the lock, says so, and holds it until it is killed. */
async function holder(path: string) {
  const code = `const { tryLock } = await import(${JSON.stringify(lockModule)});
    console.log(tryLock(${JSON.stringify(path)}) === undefined ? "refused" : "held");
    setInterval(() => {}, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  return { child, said: new TextDecoder().decode(value).trim() };
}

describe("T30 a lock between two processes", () => {
  test("one holds it, the other is refused at once", async () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const { child, said } = await holder(path);
    expect(said).toBe("held");
    expect(tryLock(path)).toBeUndefined();
    child.kill("SIGKILL");
    await child.exited;
  });

  test("what we hold the other does not get; released, it does", async () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const held = tryLock(path);
    const refused = await holder(path);
    expect(refused.said).toBe("refused");
    refused.child.kill("SIGKILL");
    held?.release();
    const next = await holder(path);
    expect(next.said).toBe("held");
    next.child.kill("SIGKILL");
    await Promise.all([refused.child.exited, next.child.exited]);
  });

  test("T10 kill -9 releases it", async () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const { child } = await holder(path);
    child.kill("SIGKILL");
    await child.exited;
    let held: ReturnType<typeof tryLock>;
    await until("the lock is free", () => {
      held = tryLock(path);
      return held !== undefined;
    });
    held?.release();
  });
});

test("twice in one process is refused as well", () => {
  using folder = new TestFolder();
  const held = tryLock(folder.join("l"));
  expect(held).toBeDefined();
  expect(tryLock(folder.join("l"))).toBeUndefined();
  expect(tryLock(folder.join("other"))).toBeDefined();
  held?.release();
  expect(tryLock(folder.join("l"))).toBeDefined();
});

test("a script that outlives the lock does not keep it", async () => {
  using folder = new TestFolder();
  const path = folder.join("l");
  const pid = folder.join("pid");
  const held = tryLock(path);
  await runProcess({
    file: "/bin/sh",
    args: ["-c", `setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! > "${pid}"`],
    env: baseEnvironment(),
    input: "",
    inputTimeoutMs: 10_000,
    maxOutput: 0,
  });
  held?.release();
  expect(tryLock(path)).toBeDefined();
  process.kill(Number(await Bun.file(pid).text()), "SIGKILL");
});

describe("waiting", () => {
  test("takes it as soon as it is free", async () => {
    using folder = new TestFolder();
    const held = tryLock(folder.join("l"));
    const waiting = takeLock(folder.join("l"), 20_000);
    held?.release();
    (await waiting).release();
  });

  test("gives up in words that name the file", async () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const held = tryLock(path);
    await expect(takeLock(path, 30)).rejects.toMatchObject({
      code: "busy",
      message: `Cannot lock ${path}: another command is still at work`,
    });
    held?.release();
  });
});

test("the file is nobody else's to open", () => {
  using folder = new TestFolder();
  tryLock(folder.join("l"))?.release();
  expect(statSync(folder.join("l")).mode & 0o027).toBe(0);
});

test("T22 where no file can be made the error names it", () => {
  using folder = new TestFolder();
  const path = folder.join("none/l");
  expect(() => tryLock(path)).toThrow(`Cannot lock ${path}: no such file or folder`);
});
