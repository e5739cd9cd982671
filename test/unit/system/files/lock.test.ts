import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { lockExclusively, unlock } from "../../../../src/system/files/flock.ts";
import {
  isHeld,
  lockOpened,
  openLockFile,
  removeOpened,
  removeUnusedLock,
  takeLock,
  tryLock,
} from "../../../../src/system/files/lock.ts";
import { runProcess } from "../../../../src/system/process/run-process.ts";
import { baseEnvironment } from "../../../../src/system/process/start-program.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const lockModule = join(import.meta.dir, "../../../../src/system/files/lock.ts");

/** Another process that tries to take the lock, says what came of it, and lives on until it is killed. */
class Holder implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly said: string;

  private constructor(child: Bun.Subprocess<"ignore", "pipe", "inherit">, said: string) {
    this.#child = child;
    this.said = said;
  }

  static async start(path: string): Promise<Holder> {
    const code = `const { tryLock } = await import(${JSON.stringify(lockModule)});
      console.log(tryLock(${JSON.stringify(path)}) === undefined ? "refused" : "held");
      setInterval(() => {}, 1000);`;
    const child = Bun.spawn([process.execPath, "-e", code], { stdin: "ignore", stdout: "pipe" });
    const { value } = await child.stdout.getReader().read();
    return new Holder(child, new TextDecoder().decode(value).trim());
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

describe("T30 a lock between two processes", () => {
  test("is free at the end of the block that takes it, whatever is thrown there", () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const fail = () => {
      using lock = tryLock(path);
      lock?.describe("held\n");
      expect(isHeld(path)).toBe(true);
      throw new Error("in the block");
    };
    expect(fail).toThrow("in the block");
    expect(isHeld(path)).toBe(false);
  });

  test("one holds it, the other is refused at once", async () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    await using holder = await Holder.start(path);
    expect(holder.said).toBe("held");
    expect(tryLock(path)).toBeUndefined();
  });

  test("what we hold the other does not get; released, it does", async () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const held = tryLock(path);
    await using refused = await Holder.start(path);
    expect(refused.said).toBe("refused");
    held?.release();
    await using next = await Holder.start(path);
    expect(next.said).toBe("held");
  });

  test("T10 kill -9 releases it", async () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    await using holder = await Holder.start(path);
    expect(holder.said).toBe("held");
    await holder.kill();
    await until("the lock is free", () => tryLock(path) !== undefined);
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
    maxOutput: 0,
  });
  held?.release();
  expect(tryLock(path)).toBeDefined();
  process.kill(Number(await Bun.file(pid).text()), "SIGKILL");
});

describe("removing a lock's file", () => {
  const LATER = new Date(Date.now() + 3_600_000);

  test("goes when nobody holds it and it was not used since", () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    expect(removeUnusedLock(path, LATER)).toBe(false);
    expect(existsSync(path)).toBe(false);
    tryLock(path)?.release();
    utimesSync(path, 1000, 1000);
    expect(removeUnusedLock(path, new Date(1_000_000))).toBe(false);
    expect(removeUnusedLock(path, new Date(1_000_001))).toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  test("T30 one that is held stays, however old, by whatever version it is held", async () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    await using _holder = await Holder.start(path);
    utimesSync(path, 0, 0);
    expect(removeUnusedLock(path, LATER)).toBe(false);
    expect(existsSync(path)).toBe(true);
  });

  test("T30 who opened the file before it was removed does not hold the lock by it", () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const opened = openLockFile(path);
    expect(removeUnusedLock(path, LATER)).toBe(true);
    // Somebody else comes first and has the lock, on a file of its own.
    const held = tryLock(path);
    expect(held).toBeDefined();
    expect(lockOpened(path, opened)).toBe("removed");
    expect(tryLock(path)).toBeUndefined();
    held?.release();
  });

  test("T30 who comes second to remove it does not remove the next one, which is held", () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const opened = openLockFile(path);
    expect(removeUnusedLock(path, LATER)).toBe(true);
    const held = tryLock(path);
    expect(removeOpened(path, opened, LATER)).toBe(false);
    expect(tryLock(path)).toBeUndefined();
    held?.release();
  });

  test("T30 who opened the file before it was removed takes the new one, not an error", () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const opened = openLockFile(path);
    const remover = openLockFile(path);
    expect(lockOpened(path, remover)).toBeObject();
    rmSync(path);
    // The remover holds it still: that is no run that is under way.
    expect(lockOpened(path, opened)).toBe("removed");
    expect(tryLock(path)).toBeDefined();
  });

  test("T30 with two processes that take it and one that removes it, never two hold it", async () => {
    using folder = new TestFolder();
    const path = folder.join("l");
    const mark = folder.join("mark");
    const code = `const { tryLock } = await import(${JSON.stringify(lockModule)});
      const { openSync, closeSync, unlinkSync } = await import("node:fs");
      for (let taken = 0; taken < 2000; ) {
        const held = tryLock(${JSON.stringify(path)});
        if (held === undefined) continue;
        closeSync(openSync(${JSON.stringify(mark)}, "wx"));
        unlinkSync(${JSON.stringify(mark)});
        held.release();
        taken += 1;
      }`;
    const takers = [1, 2].map(() => Bun.spawn([process.execPath, "-e", code], { stdin: "ignore" }));
    let done = false;
    const ended = Promise.all(takers.map(({ exited }) => exited)).finally(() => {
      done = true;
    });
    let removed = 0;
    while (!done) {
      if (removeUnusedLock(path, LATER)) removed += 1;
      await Bun.sleep(0);
    }
    expect(await ended).toEqual([0, 0]);
    expect(removed).toBeGreaterThan(0);
  });
});

describe("what a lock's file says", () => {
  test("is the holder's last word, whole, and means nothing once it is released", () => {
    using folder = new TestFolder();
    const path = folder.write("l", "what a killed holder has left there\n");
    const held = tryLock(path);
    const said = (text: string) => {
      held?.describe(text);
      return readFileSync(path, "utf8");
    };
    expect(["a longer word", "short", "", "again"].map(said)).toEqual([
      "a longer word",
      "short",
      "",
      "again",
    ]);
    held?.release();
    expect(isHeld(path)).toBe(false);
  });
});

test("a lock that was released twice takes nothing from who has it next", () => {
  using folder = new TestFolder();
  const path = folder.join("l");
  const first = tryLock(path);
  first?.release();
  const next = tryLock(path);
  next?.describe("mine");
  first?.release();
  expect([isHeld(path), readFileSync(path, "utf8")]).toEqual([true, "mine"]);
  next?.release();
});

test("T30 a copy of its descriptor, which a program that is being started has, does not keep a lock", () => {
  using folder = new TestFolder();
  const file = openLockFile(folder.join("l"));
  expect(lockExclusively(file)).toBe(true);
  const child = Bun.spawn(["sleep", "600"], { stdio: ["ignore", "ignore", "ignore", file] });
  expect(isHeld(folder.join("l"))).toBe(true);
  unlock(file);
  expect(isHeld(folder.join("l"))).toBe(false);
  child.kill("SIGKILL");
});

test("no descriptor stays open of a lock that nobody holds", () => {
  using folder = new TestFolder();
  const path = folder.join("l");
  const held = tryLock(path);
  tryLock(path);
  isHeld(path);
  removeUnusedLock(path, new Date(0));
  held?.release();
  removeUnusedLock(path, new Date(0));
  expect(() => tryLock(folder.path)).toThrow("it is a folder");
  Bun.spawnSync(["mkfifo", folder.join("fifo")]);
  expect(() => tryLock(folder.join("fifo"))).toThrow("not a plain file");
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});

test("T22 a lock that cannot be looked at is not one that nobody holds", () => {
  using folder = new TestFolder();
  const path = join(folder.write("f", ""), "l");
  expect(() => isHeld(path)).toThrow(`Cannot lock ${path}: a part of its path is not a folder`);
  expect(() => removeUnusedLock(path, new Date())).toThrow("Cannot lock");
});

test("looking at a lock makes no file", () => {
  using folder = new TestFolder();
  expect(isHeld(folder.join("l"))).toBe(false);
  expect(existsSync(folder.join("l"))).toBe(false);
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

  test("asks once where there is no time to wait", async () => {
    using folder = new TestFolder();
    const held = tryLock(folder.join("l"));
    const refused = takeLock(folder.join("l"), 0);
    held?.release();
    await expect(refused).rejects.toMatchObject({ code: "busy" });
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
