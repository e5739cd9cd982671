import { describe, expect, test } from "bun:test";
import {
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
} from "node:fs";
import { readText, readTextIfPresent, writeWhole } from "../../../../src/system/files/files.ts";
import { fileToReplace, REPLACED_FILE } from "../../../../src/system/files/linked-file.ts";
import { TestFolder } from "../../../support/folder.ts";

const readPlain = (path: string) => readText(path, REPLACED_FILE);
const readPlainIfPresent = (path: string) => readTextIfPresent(path, REPLACED_FILE);

const asRoot = process.getuid?.() === 0;

describe("the place of a file", () => {
  test("is where it is named, a link's target, or beside the link", () => {
    using folder = new TestFolder();
    const plain = folder.write("plain", "x");
    expect([fileToReplace(plain), fileToReplace(folder.join("none"))]).toEqual([
      plain,
      folder.join("none"),
    ]);
    symlinkSync("/elsewhere/f", folder.join("absolute"));
    expect(fileToReplace(folder.join("absolute"))).toBe("/elsewhere/f");
    symlinkSync("held/f", folder.join("relative"));
    expect(fileToReplace(folder.join("relative"))).toBe(folder.join("held/f"));
  });

  test("a relative link is walked as the kernel walks it, behind a folder that is a link", () => {
    using folder = new TestFolder();
    mkdirSync(folder.join("far/etc"), { recursive: true });
    folder.write("far/held", "far");
    folder.write("held", "near");
    symlinkSync("far/etc", folder.join("etc"));
    symlinkSync("../held", folder.join("far/etc/f"));
    expect(readPlain(fileToReplace(folder.join("etc/f")))).toBe("far");
    writeWhole(fileToReplace(folder.join("etc/f")), "new", 0o600);
    expect(["far/held", "held"].map((name) => readFileSync(folder.join(name), "utf8"))).toEqual([
      "new",
      "near",
    ]);
  });

  test("T13 one link is followed, and never a second: that one is replaced, its target untouched", () => {
    using folder = new TestFolder();
    const shadow = folder.write("shadow", "root:secret", 0o600);
    mkdirSync(folder.join("held"));
    symlinkSync(shadow, folder.join("held/f"));
    symlinkSync("held/f", folder.join("f"));
    const place = fileToReplace(folder.join("f"));
    expect(place).toBe(folder.join("held/f"));
    for (const read of [readPlain, readPlainIfPresent]) {
      expect(() => read(place)).toThrow(`Cannot read ${place}: too many symbolic links`);
    }
    writeWhole(place, "ours", 0o640);
    expect([readPlain(place), readFileSync(shadow, "utf8")]).toEqual(["ours", "root:secret"]);
    expect(readlinkSync(folder.join("f"))).toBe("held/f");
  });

  test("T13 a link that another user has laid, or moved here by a second name, is not followed", () => {
    using folder = new TestFolder();
    const target = folder.write("target", "theirs");
    const link = folder.join("link");
    symlinkSync(target, link);
    linkSync(link, folder.join("second"));
    expect(fileToReplace(link)).toBe(link);
    rmSync(folder.join("second"));
    expect(fileToReplace(link)).toBe(target);
    if (!asRoot) return;
    lchownSync(link, 12_345, 12_345);
    expect(fileToReplace(link)).toBe(link);
    chownSync(target, 12_345, 12_345);
    writeWhole(fileToReplace(link), "ours", 0o600);
    expect([readFileSync(target, "utf8"), readFileSync(link, "utf8")]).toEqual(["theirs", "ours"]);
  });

  test("a link to nothing is not a file, until it is written", () => {
    using folder = new TestFolder();
    mkdirSync(folder.join("held"));
    symlinkSync("held/f", folder.join("f"));
    const place = fileToReplace(folder.join("f"));
    expect(readPlainIfPresent(place)).toBeUndefined();
    expect(() => readPlain(place)).toThrow(`Cannot read ${place}: no such file or folder`);
    writeWhole(place, "x", 0o600);
    expect(readFileSync(folder.join("f"), "utf8")).toBe("x");
    renameSync(folder.join("held"), folder.join("gone"));
    expect(readPlainIfPresent(place)).toBeUndefined();
    expect(() => writeWhole(place, "x", 0o600)).toThrow(
      expect.objectContaining({
        code: "storage",
        message: `Cannot write ${place}: no such file or folder`,
      }),
    );
  });
});

describe("a plain file", () => {
  test("T13 is neither a FIFO, which would keep the reader waiting, nor a folder", () => {
    using folder = new TestFolder();
    expect(Bun.spawnSync(["mkfifo", folder.join("fifo")]).exitCode).toBe(0);
    expect(() => readPlain(folder.join("fifo"))).toThrow("it is not a plain file");
    expect(() => readPlainIfPresent(folder.path)).toThrow("it is a folder");
  });

  test("T13 nor one without an end", () => {
    using folder = new TestFolder();
    const path = folder.write("sparse", "x");
    truncateSync(path, 1 << 30);
    expect(() => readPlainIfPresent(path)).toThrow("it is longer than 1 MiB");
  });
});
