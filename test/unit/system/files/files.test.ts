import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import {
  createWhole,
  ensureFolder,
  fileError,
  listFiles,
  listFolder,
  moveOver,
  readPrivateText,
  readText,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../../../../src/system/files/files.ts";
import { tryLock } from "../../../../src/system/files/lock.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const filesModule = join(import.meta.dir, "../../../../src/system/files/files.ts");
const asRoot = process.getuid?.() === 0;
const mode = (path: string) => statSync(path).mode & 0o777;

function refusal(action: () => unknown): unknown {
  try {
    return action();
  } catch (thrown) {
    return thrown;
  }
}

test("T70 a file whose name is as long as a name may be is written and replaced", () => {
  using folder = new TestFolder();
  for (const name of ["x".repeat(255), `${"é".repeat(127)}x`]) {
    const path = folder.join(name);
    createWhole(path, "one", 0o600);
    writeWhole(path, "two", 0o600);
    expect(readText(path)).toBe("two");
    removeIfPresent(path);
  }
  expect(readdirSync(folder.path)).toEqual([]);
});

describe("reading", () => {
  test("T74 a FIFO or a device is never waited for, nor written to", () => {
    using folder = new TestFolder();
    const fifo = folder.join("fifo");
    expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
    for (const path of [fifo, "/dev/zero"]) {
      for (const read of [readText, readTextIfPresent, readPrivateText]) {
        expect(() => read(path)).toThrow(`Cannot read ${path}: it is not a plain file`);
      }
    }
    expect(() => tryLock(fifo)).toThrow(`Cannot lock ${fifo}: it is not a plain file`);
  });

  test("T74 what is not a file is not listed among files", () => {
    using folder = new TestFolder();
    folder.write("a.json", "{}");
    mkdirSync(folder.join("b.json"));
    expect(Bun.spawnSync(["mkfifo", folder.join("c.json")]).exitCode).toBe(0);
    expect(listFiles(folder.path)).toEqual(["a.json"]);
  });

  test("a file", () => {
    using folder = new TestFolder();
    expect(readText(folder.write("f", "Zoë\n"))).toBe("Zoë\n");
  });

  test("T09 no file: an error that names it, or undefined where that is a fair answer", () => {
    using folder = new TestFolder();
    const path = folder.join("missing");
    expect(refusal(() => readText(path))).toMatchObject({
      code: "config",
      message: `Cannot read ${path}: no such file or folder`,
    });
    expect(readTextIfPresent(path)).toBeUndefined();
  });

  test("what is there and cannot be read is never taken for absent", () => {
    using folder = new TestFolder();
    expect(refusal(() => readTextIfPresent(folder.path))).toMatchObject({
      code: "config",
      message: `Cannot read ${folder.path}: it is a folder`,
    });
    const file = folder.write("f", "");
    expect(refusal(() => readTextIfPresent(join(file, "x")))).toMatchObject({
      message: expect.stringContaining("a part of its path is not a folder"),
    });
    symlinkSync("loop", folder.join("loop"));
    expect(refusal(() => readTextIfPresent(folder.join("loop")))).toMatchObject({
      message: expect.stringContaining("too many symbolic links"),
    });
  });

  test.each([0o600, 0o640, 0o400])("T09 a private file with mode %o", (bits) => {
    using folder = new TestFolder();
    expect(readPrivateText(folder.write("k", "KEY", bits))).toBe("KEY");
  });

  test.each([0o644, 0o604, 0o602, 0o601, 0o666])("T09 not with mode %o", (bits) => {
    using folder = new TestFolder();
    const path = folder.write("k", "KEY");
    chmodSync(path, bits);
    const error = refusal(() => readPrivateText(path));
    expect(error).toMatchObject({ code: "config", hint: `Make it private: chmod o= ${path}` });
    expect(String(error)).toContain(`${path}: every user of this host may open it (mode 0`);
    expect(String(error)).not.toContain("KEY");
  });
});

describe("writing whole", () => {
  test("a new file and an old one, with the mode asked for", () => {
    using folder = new TestFolder();
    const path = folder.join("f");
    writeWhole(path, "one", 0o640);
    expect([readText(path), mode(path)]).toEqual(["one", 0o640]);
    writeWhole(path, Uint8Array.from([0, 255]), 0o600);
    expect([...readFileSync(path), mode(path)]).toEqual([0, 255, 0o600]);
    expect(readdirSync(folder.path)).toEqual(["f"]);
  });

  test("whatever the umask", async () => {
    using folder = new TestFolder();
    for (const umask of ["000", "077"]) {
      const path = folder.join(`u${umask}`);
      const code = `process.umask(0o${umask}); (await import(${JSON.stringify(filesModule)})).writeWhole(${JSON.stringify(path)}, "x", 0o640)`;
      expect(Bun.spawnSync([process.execPath, "-e", code]).exitCode).toBe(0);
      expect(mode(path)).toBe(0o640);
    }
  });

  test("T10 a reader sees the old content or the new, never a part", async () => {
    using folder = new TestFolder();
    const path = folder.join("f");
    const [old, fresh] = ["a".repeat(300_000), "b".repeat(300_000)];
    writeWhole(path, old, 0o600);
    const code = `const { writeWhole } = await import(${JSON.stringify(filesModule)});
      for (let i = 0; i < 200; i++) writeWhole(${JSON.stringify(path)}, (i % 2 ? "a" : "b").repeat(300_000), 0o600);`;
    const writer = Bun.spawn([process.execPath, "-e", code]);
    let reads = 0;
    while (writer.exitCode === null) {
      const seen = await Bun.file(path).text();
      expect(seen === old || seen === fresh).toBe(true);
      reads += 1;
    }
    expect(reads).toBeGreaterThan(0);
    expect(writer.exitCode).toBe(0);
  });

  test("a link is replaced, and what it points to stays", () => {
    using folder = new TestFolder();
    const target = folder.write("target", "theirs");
    symlinkSync(target, folder.join("link"));
    writeWhole(folder.join("link"), "ours", 0o600);
    expect(readText(target)).toBe("theirs");
    expect(readText(folder.join("link"))).toBe("ours");
  });
});

describe("T22 when it cannot be written, the error says why and the old file is intact", () => {
  test("no such folder", () => {
    using folder = new TestFolder();
    const path = folder.join("none/f");
    expect(refusal(() => writeWhole(path, "x", 0o600))).toMatchObject({
      code: "storage",
      message: `Cannot write ${path}: no such file or folder`,
    });
  });

  test("a file where a folder should be: the cause, not the cleaning up", () => {
    using folder = new TestFolder();
    const path = join(folder.write("f", "x"), "g");
    expect(refusal(() => writeWhole(path, "x", 0o600))).toMatchObject({
      code: "storage",
      message: `Cannot write ${path}: a part of its path is not a folder`,
    });
  });

  test("a name that is too long: the cause, not the cleaning up", () => {
    using folder = new TestFolder();
    const path = folder.join("n".repeat(256));
    expect(refusal(() => writeWhole(path, "x", 0o600))).toMatchObject({
      code: "storage",
      message: `Cannot write ${path}: ENAMETOOLONG`,
    });
  });

  test("a folder in its place: nothing is left beside it", () => {
    using folder = new TestFolder();
    mkdirSync(folder.join("f"));
    expect(refusal(() => writeWhole(folder.join("f"), "x", 0o600))).toMatchObject({
      code: "storage",
      message: `Cannot write ${folder.join("f")}: it is a folder`,
    });
    expect(readdirSync(folder.path)).toEqual(["f"]);
  });

  test("a file that grows beyond what may be written, as on a full disk", () => {
    using folder = new TestFolder();
    const path = folder.write("f", "old");
    const code = `const { writeWhole } = await import(${JSON.stringify(filesModule)});
      try { writeWhole(${JSON.stringify(path)}, "x".repeat(1_000_000), 0o600); }
      catch (error) { console.log(error.code, error.message); }`;
    // The limit answers EFBIG where a disk answers ENOSPC; its signal would end the process first.
    const child = Bun.spawnSync([
      "/bin/sh",
      "-c",
      'trap "" XFSZ; ulimit -f 100; exec "$0" -e "$1"',
      process.execPath,
      code,
    ]);
    expect(child.stdout.toString()).toBe(`storage Cannot write ${path}: EFBIG\n`);
    expect(readText(path)).toBe("old");
    expect(readdirSync(folder.path)).toEqual(["f"]);
  });

  test("a folder that may not be written", () => {
    using folder = new TestFolder();
    const path = folder.write("closed/f", "old");
    const code = `const { writeWhole } = await import(${JSON.stringify(filesModule)});
      if (${asRoot}) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
      try { writeWhole(${JSON.stringify(path)}, "new", 0o600); }
      catch (error) { console.log(error.code, error.message); }`;
    chmodSync(folder.join("closed"), 0o555);
    const child = Bun.spawnSync([process.execPath, "-e", code]);
    chmodSync(folder.join("closed"), 0o755);
    expect(child.stdout.toString() || child.stderr.toString()).toBe(
      `config Cannot write ${path}: permission denied\n`,
    );
    expect(readText(path)).toBe("old");
    expect(readdirSync(folder.join("closed"))).toEqual(["f"]);
  });

  test("a disk that is read-only", () => {
    // The kernel's own tables: nobody creates a file there, root no more than others.
    const error = refusal(() => writeWhole("/proc/sys/ctrl-exec", "x", 0o600));
    expect(error).toMatchObject({ code: "storage" });
    expect(String(error)).toContain("Cannot write /proc/sys/ctrl-exec: ");
  });
});

describe("creating whole", () => {
  test("a new file", () => {
    using folder = new TestFolder();
    createWhole(folder.join("f"), "x", 0o600);
    expect([readText(folder.join("f")), mode(folder.join("f"))]).toEqual(["x", 0o600]);
    expect(readdirSync(folder.path)).toEqual(["f"]);
  });

  test("never over one that is there, a dangling link included", () => {
    using folder = new TestFolder();
    const path = folder.write("f", "old");
    symlinkSync("nowhere", folder.join("link"));
    for (const taken of [path, folder.join("link")]) {
      expect(refusal(() => createWhole(taken, "new", 0o600))).toMatchObject({
        code: "exists",
        message: `Cannot create ${taken}: it exists already`,
      });
    }
    expect(readText(path)).toBe("old");
    expect(readdirSync(folder.path).sort()).toEqual(["f", "link"]);
    expect(existsSync(folder.join("nowhere"))).toBe(false);
  });

  test("T30 of many at once exactly one succeeds", async () => {
    using folder = new TestFolder();
    const code = (
      name: string,
    ) => `const { createWhole } = await import(${JSON.stringify(filesModule)});
      for (let i = 0; i < 50; i++) try { createWhole(${JSON.stringify(folder.path)} + "/f" + i, "${name}", 0o600); console.log(i); } catch (error) { if (error.code !== "exists") throw error; }`;
    const children = ["a", "b", "c"].map((name) =>
      Bun.spawn([process.execPath, "-e", code(name)], { stdout: "pipe" }),
    );
    const won = await Promise.all(children.map(({ stdout }) => new Response(stdout).text()));
    expect(
      won
        .join("")
        .trim()
        .split("\n")
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });
});

test("removing", () => {
  using folder = new TestFolder();
  const path = folder.write("f", "x");
  expect(removeIfPresent(path)).toBe(true);
  expect(existsSync(path)).toBe(false);
  expect(removeIfPresent(path)).toBe(false);
  mkdirSync(folder.join("d"));
  expect(refusal(() => removeIfPresent(folder.join("d")))).toMatchObject({ code: "storage" });
});

test("moving over: the file has the new name only, and a failure names where it should go", () => {
  using folder = new TestFolder();
  const [from, to] = [folder.write("from", "new"), folder.write("to", "old")];
  moveOver(from, to);
  expect([readdirSync(folder.path), readText(to)]).toEqual([["to"], "new"]);
  expect(refusal(() => moveOver(from, to))).toMatchObject({
    code: "storage",
    message: `Cannot write ${to}: no such file or folder`,
  });
});

test("listing: sorted names, none without a folder, and an error for what is not a folder", () => {
  using folder = new TestFolder();
  for (const name of ["c", "a", "b"]) folder.write(name, "");
  // It may be a file by the time that it is read, whose reader then gets the error.
  symlinkSync("nowhere", folder.join("d"));
  expect(listFolder(folder.path)).toEqual(["a", "b", "c", "d"]);
  expect(listFiles(folder.path)).toEqual(["a", "b", "c", "d"]);
  expect(listFolder(folder.join("none"))).toEqual([]);
  expect(refusal(() => listFolder(folder.join("a")))).toMatchObject({
    code: "config",
    message: `Cannot read ${folder.join("a")}: a part of its path is not a folder`,
  });
});

test("what a user may not do comes with who may; other failures come without", () => {
  for (const code of ["EACCES", "EPERM"]) {
    const { hint } = fileError("storage", "write", "/f", Object.assign(new Error(), { code }));
    expect(hint).toContain("Run this as root (sudo)");
  }
  const full = Object.assign(new Error(), { code: "ENOSPC" });
  expect(fileError("storage", "write", "/f", full).hint).toBeUndefined();
});

if (asRoot)
  test("what root writes into a service's folder belongs to the service's group", () => {
    using folder = new TestFolder();
    chownSync(folder.path, 0, 12_345);
    writeWhole(folder.join("f"), "x", 0o640);
    const { uid, gid } = statSync(folder.join("f"));
    expect([uid, gid]).toEqual([0, 12_345]);
    // Who may not give a file to that group keeps it as it is.
    chmodSync(folder.path, 0o777);
    const code = `process.setgroups([]); process.setgid(65534); process.setuid(65534);
    (await import(${JSON.stringify(filesModule)})).writeWhole(${JSON.stringify(folder.join("g"))}, "x", 0o640);`;
    expect(Bun.spawnSync([process.execPath, "-e", code]).exitCode).toBe(0);
    expect(statSync(folder.join("g")).gid).toBe(65_534);
  });

test("no descriptor stays open, whatever came of it", () => {
  using folder = new TestFolder();
  const path = folder.join("f");
  writeWhole(path, "two", 0o600);
  moveOver(path, folder.join("g"));
  mkdirSync(folder.join("d"));
  refusal(() => writeWhole(folder.join("d"), "x", 0o600));
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});

test("making folders", () => {
  using folder = new TestFolder();
  ensureFolder(folder.join("a/b"), 0o700);
  ensureFolder(folder.join("a/b"), 0o755);
  expect(mode(folder.join("a/b"))).toBe(0o700);
  const path = join(folder.write("f", ""), "x");
  expect(refusal(() => ensureFolder(path, 0o700))).toMatchObject({
    code: "storage",
    message: `Cannot create ${path}: a part of its path is not a folder`,
  });
});
