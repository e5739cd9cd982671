/** What killed writes leave behind goes with the next write into the folder, and nothing else does. */
import { describe, expect, test } from "bun:test";
import {
  chownSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { createWhole, writeWhole } from "../../../../src/system/files/files.ts";
import { countDead, removeDead } from "../../../../src/system/files/temporary-file.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const asRoot = process.getuid?.() === 0;
const files = join(import.meta.dir, "../../../../src/system/files/files.ts");
const asyncFiles = join(import.meta.dir, "../../../../src/system/files/async-files.ts");
const DEAD = ".agent.key.0123456789ab.tmp";

function age(path: string, seconds: number): void {
  const then = new Date(Date.now() - seconds * 1000);
  lutimesSync(path, then, then);
}

function temporaries(folder: TestFolder): string[] {
  return readdirSync(folder.path).filter((name) => name.endsWith(".tmp"));
}

const WRITES = {
  writeWhole: `const { writeWhole } = await import(${JSON.stringify(files)});
    for (;;) writeWhole(process.argv[1], "x".repeat(4_000_000), 0o600);`,
  createWhole: `const { createWhole, removeIfPresent } = await import(${JSON.stringify(files)});
    for (;;) {
      createWhole(process.argv[1], "x".repeat(4_000_000), 0o600);
      removeIfPresent(process.argv[1]);
    }`,
  writeWholeAsync: `const { writeWholeAsync } = await import(${JSON.stringify(asyncFiles)});
    for (;;) await writeWholeAsync(process.argv[1], Array(40).fill("x".repeat(100_000)), 0o600, true);`,
} as const;

/** A process that writes a file again and again; disposed of, it is killed, stopped or not. */
function writing(code: string, path: string) {
  const child = Bun.spawn([process.execPath, "-e", code, path], {
    stdout: "ignore",
    stderr: "inherit",
  });
  return {
    child,
    [Symbol.dispose]: () => child.kill("SIGKILL"),
  };
}

describe.each(Object.entries(WRITES))("T10 kill -9 in the middle of %s", (_, code) => {
  test("leaves what the next write removes", async () => {
    using folder = new TestFolder();
    const path = folder.join("agent.key");
    while (temporaries(folder).length === 0) {
      using writer = writing(code, path);
      await until("it writes", () => temporaries(folder).length > 0);
      writer.child.kill("SIGKILL");
      await writer.child.exited;
    }
    for (const name of temporaries(folder)) age(folder.join(name), 601);
    writeWhole(folder.join("other"), "x", 0o600);
    expect(temporaries(folder)).toEqual([]);
  });

  test("is told from a write that goes on, however long it takes", async () => {
    using folder = new TestFolder();
    const path = folder.join("agent.key");
    using writer = writing(code, path);
    const { child } = writer;
    let held: string | undefined;
    await until("it is stopped in a write", async () => {
      child.kill("SIGCONT");
      await until("it writes", () => temporaries(folder).length > 0);
      child.kill("SIGSTOP");
      await until("it has stopped", async () => {
        const stat = await Bun.file(`/proc/${child.pid}/stat`).text();
        return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
      });
      held = temporaries(folder).find((name) => statSync(folder.join(name)).size > 0);
      return held !== undefined;
    });
    age(folder.join(held ?? ""), 86_400);
    expect(removeDead(folder.path)).toBe(0);
    expect(temporaries(folder)).toContain(held ?? "");
    child.kill("SIGCONT");
    await until("it has its name", () => !folder.has(held ?? ""));
    expect(child.exitCode).toBeNull();
  });
});

describe("T10 of what a folder holds", () => {
  test("nothing else is taken for what a killed write has left", () => {
    using folder = new TestFolder();
    const kept = [
      ".agent.key.0123456789ab",
      ".agent.key.0123456789.tmp",
      ".agent.key.0123456789AB.tmp",
      ".0123456789ab.tmp",
      "agent.key.0123456789ab.tmp",
      "agent.key",
    ];
    for (const name of kept) age(folder.write(name, "mine"), 86_400);
    expect(removeDead(folder.path)).toBe(0);
    expect(readdirSync(folder.path).sort()).toEqual(kept.sort());
  });

  test("neither a young file, nor a link, a FIFO or a folder of such a name is removed", () => {
    using folder = new TestFolder();
    const target = folder.write("target", "mine");
    age(target, 86_400);
    age(folder.write(".young.0123456789ab.tmp", "x"), 500);
    symlinkSync(target, folder.join(".link.0123456789ab.tmp"));
    mkdirSync(folder.join(".folder.0123456789ab.tmp"));
    Bun.spawnSync(["mkfifo", folder.join(".fifo.0123456789ab.tmp")]);
    for (const name of ["link", "folder", "fifo"]) {
      age(folder.join(`.${name}.0123456789ab.tmp`), 86_400);
    }
    expect(countDead(folder.path)).toBe(0);
    expect(removeDead(folder.path)).toBe(0);
    expect(temporaries(folder)).toHaveLength(4);
    expect(existsSync(target)).toBe(true);
  });

  test("a file of another user's stays", () => {
    using folder = new TestFolder();
    age(folder.write(DEAD, "theirs"), 86_400);
    if (asRoot) chownSync(folder.join(DEAD), 12_345, 12_345);
    // Who is not root can give no file away: it is somebody else instead.
    const other = asRoot ? "" : "process.geteuid = () => 12_345;";
    const { stdout } = Bun.spawnSync([process.execPath, "-e", other + REMOVE, folder.path]);
    expect(stdout.toString()).toBe("0\n");
    expect(folder.has(DEAD)).toBe(true);
  });

  test.each([writeWhole, createWhole])("the first %p removes it, whatever it was for", (write) => {
    using folder = new TestFolder();
    age(folder.write(DEAD, "key"), 601);
    age(folder.write(`.${"x".repeat(200)}.0123456789ab.tmp`, "key"), 601);
    write(folder.join("other"), "x", 0o600);
    expect(readdirSync(folder.path)).toEqual(["other"]);
  });
});

test("a folder is looked through before the first write, and not again for each", () => {
  using folder = new TestFolder();
  writeWhole(folder.join("one"), "x", 0o600);
  age(folder.write(DEAD, "key"), 601);
  writeWhole(folder.join("two"), "x", 0o600);
  expect(folder.has(DEAD)).toBe(true);
  expect(countDead(folder.path)).toBe(1);
  expect(folder.has(DEAD)).toBe(true);
  expect(removeDead(folder.path)).toBe(1);
  expect(countDead(folder.path)).toBe(0);
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
  expect(removeDead(folder.join("none"))).toBe(0);
});

const REMOVE = `const { removeDead } = await import(${JSON.stringify(
  join(import.meta.dir, "../../../../src/system/files/temporary-file.ts"),
)});
console.log(removeDead(process.argv[1]));`;
