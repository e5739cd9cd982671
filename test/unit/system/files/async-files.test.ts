import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import {
  overwriteAsync,
  readChunks,
  writeWholeAsync,
} from "../../../../src/system/files/async-files.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const storage = (message: string) => expect.objectContaining({ code: "storage", message });

test.each([true, false])("a file is replaced whole (durable: %p)", async (durable) => {
  using folder = new TestFolder();
  const path = folder.write("f", "old", 0o644);
  await writeWholeAsync(path, ["nöw ", "", "and then"], 0o664, durable);
  expect(readFileSync(path, "utf8")).toBe("nöw and then");
  expect(statSync(path).mode & 0o777).toBe(0o664);
  expect(readdirSync(folder.path)).toEqual(["f"]);
});

test("T22 one that cannot be replaced is reported as that, and nothing is left beside it", async () => {
  using folder = new TestFolder();
  mkdirSync(folder.join("f"));
  await expect(writeWholeAsync(folder.join("f"), ["x"], 0o600, true)).rejects.toThrow(
    storage(`Cannot write ${folder.join("f")}: it is a folder`),
  );
  expect(readdirSync(folder.path)).toEqual(["f"]);
});

test("a file's own room takes a shorter text, and whoever writes a longer one is told", async () => {
  using folder = new TestFolder();
  const path = folder.write("f", "123456");
  await overwriteAsync(path, "ä12");
  expect(readFileSync(path, "utf8")).toBe("ä12");
  await overwriteAsync(path, "1234");
  await expect(overwriteAsync(path, "ä123")).rejects.toThrow(
    storage(`Cannot write ${path}: it is shorter than what is to be written`),
  );
  expect(readFileSync(path, "utf8")).toBe("1234");
  await expect(overwriteAsync(folder.join("none"), "")).rejects.toThrow(
    storage(`Cannot write ${folder.join("none")}: no such file or folder`),
  );
});

test("a file is read in pieces, to its end", async () => {
  using folder = new TestFolder();
  const chunks = await Array.fromAsync(readChunks(folder.write("f", "abcdefg"), 3));
  expect(chunks.map(String)).toEqual(["abc", "def", "g"]);
  expect(await Array.fromAsync(readChunks(folder.write("none", "")))).toEqual([]);
  await expect(Array.fromAsync(readChunks(folder.path))).rejects.toMatchObject({ code: "storage" });
});

test("T74 neither a FIFO nor a folder is read or written", async () => {
  using folder = new TestFolder();
  const fifo = folder.join("fifo");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  const odd = "it is not a plain file";
  await expect(Array.fromAsync(readChunks(fifo))).rejects.toThrow(
    storage(`Cannot read ${fifo}: ${odd}`),
  );
  await expect(Array.fromAsync(readChunks(folder.path))).rejects.toThrow(
    storage(`Cannot read ${folder.path}: it is a folder`),
  );
  const device = "/dev/null";
  await expect(overwriteAsync(device, "")).rejects.toThrow(
    storage(`Cannot write ${device}: ${odd}`),
  );
});

test("no descriptor stays open, whatever came of it", async () => {
  using folder = new TestFolder();
  const path = folder.join("f");
  await writeWholeAsync(path, ["abcdefg"], 0o600, true);
  await overwriteAsync(path, "abc");
  await overwriteAsync(path, "too long").catch(() => undefined);
  for await (const _ of readChunks(path, 1)) break;
  await Array.fromAsync(readChunks(path));
  mkdirSync(folder.join("d"));
  await writeWholeAsync(folder.join("d"), ["x"], 0o600, true).catch(() => undefined);
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});
