/** A long output in a file, read piece by piece. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, symlinkSync, truncateSync } from "node:fs";
import { OutputFile, outputSize } from "../../../../src/controller/store/output-file.ts";
import { TestFolder } from "../../../support/folder.ts";

const PIECE = 262_144;

let folder: TestFolder;
beforeEach(() => {
  folder = new TestFolder();
});
afterEach(() => folder[Symbol.dispose]());

const joined = (pieces: Iterable<Buffer>) => Buffer.concat([...pieces]);

test("its bytes come in pieces, from any byte on, as far as the file counts", () => {
  const bytes = Buffer.from(Array.from({ length: 2 * PIECE + 10 }, (_, at) => at % 251));
  const path = folder.write("out", bytes);
  const file = new OutputFile(path, bytes.length - 3);
  const pieces = [...file.bytesFrom(0)];
  expect(pieces.map(({ length }) => length)).toEqual([PIECE, PIECE, 7]);
  for (const from of [0, 1, PIECE, 2 * PIECE + 6]) {
    expect(joined(file.bytesFrom(from)).equals(bytes.subarray(from, -3))).toBe(true);
  }
  for (const from of [bytes.length - 3, bytes.length]) {
    expect([...file.bytesFrom(from)]).toEqual([]);
  }
});

test("its text is whole where a piece ends within a character, and so is its base64", () => {
  const text = `\ufeff${"x".repeat(PIECE - 4)}é😀`;
  const bytes = Buffer.from(text);
  const file = new OutputFile(folder.write("out", bytes), bytes.length);
  expect([...file.parts()].join("") === text).toBe(true);
  for (const length of [bytes.length, bytes.length - 1, bytes.length - 2]) {
    const base64 = new OutputFile(folder.join("out"), length).base64();
    const whole = [...base64.parts()].join("");
    expect(whole === bytes.subarray(0, length).toString("base64")).toBe(true);
    expect(base64.bytes).toBe(whole.length);
  }
});

test("a record has its beginning, in whole characters", () => {
  const bytes = Buffer.from(`${"x".repeat(65_535)}é and more`);
  const file = new OutputFile(folder.write("out", bytes), bytes.length);
  expect(file.beginning().bytes).toBe(65_535);
  expect(new OutputFile(folder.join("out"), 10).beginning().bytes).toBe(10);
});

test("one that is gone, or shorter than it was, cannot be read", () => {
  const path = folder.write("out", "0123456789");
  const file = new OutputFile(path, 10);
  truncateSync(path, 4);
  const reading = file.bytesFrom(0);
  expect(reading.next().value).toEqual(Buffer.from("0123"));
  const storage = expect.objectContaining({ code: "storage" });
  expect(() => reading.next()).toThrow(storage);
  rmSync(path);
  expect(() => joined(file.bytesFrom(0))).toThrow(storage);
});

test("a link in its place is not followed", () => {
  const path = folder.join("out");
  symlinkSync(folder.write("kept", "0123"), path);
  const storage = expect.objectContaining({ code: "storage" });
  expect(() => joined(new OutputFile(path, 4).bytesFrom(0))).toThrow(storage);
});

test("it can take another file's place, and be told to again", () => {
  const [from, to] = [folder.write("from", "new"), folder.write("to", "old")];
  const file = new OutputFile(from, 3);
  for (let time = 0; time < 2; time++) {
    file.moveTo(to);
    expect(joined(file.bytesFrom(0)).toString()).toBe("new");
    expect(existsSync(from)).toBe(false);
  }
});

test("its size is known, unless it is not a file", () => {
  expect(outputSize(folder.write("out", "abc"))).toBe(3);
  expect(outputSize(folder.join("none"))).toBeUndefined();
  mkdirSync(folder.join("folder"));
  expect(outputSize(folder.join("folder"))).toBeUndefined();
});
