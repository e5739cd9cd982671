/** What `--output` writes: whose files, in which folder, under which names, and what is told of a failure. */
import { describe, expect, test } from "bun:test";
import {
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { OutputFiles, outputFileName } from "../../../../src/cli/controller/output-files.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { TestFolder } from "../../../support/folder.ts";

const self = process.geteuid?.() ?? 0;
const asRoot = self === 0;

function result(host: string, more: object = {}): RunResult {
  const head = { host, script: "x", exit: 0, stdout: "out\n", stderr: "", rtt: "42ms" };
  return { ...head, reqid: "a1b2c3d4e5f60718", state: "ended", ...more } as RunResult;
}

async function written(path: string, results: readonly RunResult[], caller?: number) {
  using files = OutputFiles.open(path, caller);
  for (const one of results) files.keep(one);
  return await files.end();
}

describe("the files", () => {
  test("one for each host and stream, byte for byte, for their owner alone", async () => {
    using folder = new TestFolder();
    const path = folder.join("results");
    const bytes = Buffer.from([0xff, 0, 10]);
    const long = {
      *parts() {
        for (let count = 0; count < 3; count++) yield "x".repeat(100_000);
      },
    };
    const results = [
      result("web-01"),
      result("web-02:7450", { stdout: "lossy", stdout_b64: bytes.toString("base64") }),
      result("[::1]:7443", { exit: 3, stdout: long, stderr: "oops" }),
      result("db", { stdout: "", state: "never-ran", error: "x" }),
      result("late", { stdout: "so far", state: "running", error: "x" }),
    ];
    expect(await written(path, results)).toBe("");
    expect(readdirSync(path).sort()).toEqual([
      "%5B%3A%3A1%5D%3A7443.stderr",
      "%5B%3A%3A1%5D%3A7443.stdout",
      "late.stderr",
      "late.stdout",
      "web-01.stderr",
      "web-01.stdout",
      "web-02%3A7450.stderr",
      "web-02%3A7450.stdout",
    ]);
    const read = (name: string) => readFileSync(`${path}/${name}`);
    expect(read("web-01.stdout").toString()).toBe("out\n");
    expect(read("web-01.stderr")).toHaveLength(0);
    expect(read("web-02%3A7450.stdout").equals(bytes)).toBe(true);
    expect(read("%5B%3A%3A1%5D%3A7443.stdout")).toHaveLength(300_000);
    expect(read("late.stdout").toString()).toBe("so far");
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(`${path}/web-01.stdout`).mode & 0o777).toBe(0o600);
  });

  test("T70 names stay in the folder, are plain, and differ for every host", () => {
    const long = "a".repeat(300);
    const hosts = ["a/b", "..", ".a", "-rf", "a%2Fb", "a b", "fe80::1%eth0", "ü", long, `${long}b`];
    const names = hosts.map((host) => outputFileName(host, "stdout"));
    for (const name of names) {
      expect(name).toMatch(/^[A-Za-z0-9%_][A-Za-z0-9%_.~-]*\.stdout$/);
      expect(name.length).toBeLessThanOrEqual(255);
    }
    expect(new Set(names).size).toBe(hosts.length);
    expect(names.slice(0, 4)).toEqual([
      "a%2Fb.stdout",
      "%2E..stdout",
      "%2Ea.stdout",
      "%2Drf.stdout",
    ]);
  });
});

describe("the folder", () => {
  test("is made, or is an empty one of one's own; nothing else is touched", () => {
    using folder = new TestFolder();
    const open = (path: string) => () => OutputFiles.open(path, undefined)[Symbol.dispose]();
    mkdirSync(folder.join("empty"));
    open(`${folder.join("empty")}//`)();
    expect(folder.has("empty")).toBe(true);
    folder.write("full/a", "");
    expect(open(folder.join("full"))).toThrow(
      expect.objectContaining({
        code: "usage",
        message: `Cannot write to ${folder.join("full")}: it is not empty`,
      }),
    );
    expect(open(folder.join("full", "a"))).toThrow("a part of its path is not a folder");
    expect(open(folder.join("none", "a"))).toThrow("no such file or folder");
    expect(folder.has("none")).toBe(false);
  });

  test("that was made for nothing is gone again", () => {
    using folder = new TestFolder();
    OutputFiles.open(folder.join("new"), undefined)[Symbol.dispose]();
    expect(folder.has("new")).toBe(false);
  });

  test("T62 is never a link, nor one in which somebody has put a link", async () => {
    using folder = new TestFolder();
    mkdirSync(folder.join("real"));
    symlinkSync("real", folder.join("link"));
    for (const path of ["link", "link/"]) {
      expect(() => OutputFiles.open(`${folder.path}/${path}`, undefined)).toThrow(
        "Cannot write to",
      );
    }
    const path = folder.join("new");
    using files = OutputFiles.open(path, undefined);
    const victim = folder.write("victim", "kept");
    symlinkSync(victim, `${path}/web-01.stdout`);
    files.keep(result("web-01"));
    expect(await files.end()).toBe(
      `ctrl-exec: Cannot write ${path}/web-01.stdout: it exists already\n`,
    );
    expect(readFileSync(victim, "utf8")).toBe("kept");
  });

  test("T62 stays the one that was opened, whatever stands at its path meanwhile", async () => {
    using folder = new TestFolder();
    const path = folder.join("new");
    using files = OutputFiles.open(path, undefined);
    renameSync(path, folder.join("moved"));
    mkdirSync(folder.join("other"));
    symlinkSync("other", path);
    files.keep(result("web-01"));
    expect(await files.end()).toBe("");
    expect(readdirSync(folder.join("other"))).toEqual([]);
    expect(readdirSync(folder.join("moved")).sort()).toEqual(["web-01.stderr", "web-01.stdout"]);
  });

  test("T62 with lent rights, only one that is there and the caller's own is taken, by a direct way", () => {
    using folder = new TestFolder();
    mkdirSync(folder.join("own"));
    mkdirSync(folder.join("full"));
    writeFileSync(folder.join("full", "a"), "");
    symlinkSync("own", folder.join("link"));
    symlinkSync(".", folder.join("way"));
    const refused: [string, number][] = [
      ["own", self + 1],
      ["own", Number.NaN],
      ["full", self],
      ["link", self],
      ["way/own", self],
      ["none", self],
    ];
    for (const [name, caller] of refused) {
      const path = `${folder.path}/${name}`;
      expect(() => OutputFiles.open(path, caller)).toThrow(
        `Cannot write to ${path}: there is no empty folder of your own at that path`,
      );
    }
    expect(folder.has("none")).toBe(false);
    if (asRoot) OutputFiles.open(folder.join("own"), self)[Symbol.dispose]();
  });

  if (asRoot) {
    test("T62 with lent rights, the files are the caller's", async () => {
      using folder = new TestFolder();
      const path = folder.join("own");
      mkdirSync(path);
      chownSync(path, 12_345, 12_346);
      expect(await written(path, [result("web-01")], 12_345)).toBe("");
      const { uid, gid, mode } = lstatSync(`${path}/web-01.stdout`);
      expect([uid, gid, mode & 0o777]).toEqual([12_345, 12_346, 0o600]);
      mkdirSync(folder.join("roots"));
      expect(() => OutputFiles.open(folder.join("roots"), 12_345)).toThrow(
        "empty folder of your own",
      );
      chownSync(folder.join("roots"), 12_345, 12_345);
      expect(() => OutputFiles.open(folder.join("roots"), undefined)).toThrow(
        "it belongs to another user",
      );
    });
  }
});

test("T22 what cannot be written is reported once, with how much more it was, and no part of a file stays", async () => {
  using folder = new TestFolder();
  const path = folder.join("new");
  using files = OutputFiles.open(path, undefined);
  const broken = {
    *parts(): Generator<string> {
      yield "x".repeat(70_000);
      throw new Error("it is gone");
    },
  };
  files.keep(result("a", { stdout: broken, stderr: broken }));
  files.keep(result("b"));
  expect(await files.end()).toBe(
    `ctrl-exec: Cannot write ${path}/a.stdout: it is gone (and 1 more)\n`,
  );
  expect(readdirSync(path).sort()).toEqual(["b.stderr", "b.stdout"]);
});
