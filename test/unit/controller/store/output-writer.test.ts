/** One output of a run under way: in memory while it is short, and as much of it in a file as there is room for. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type OutputRoom, OutputWriter } from "../../../../src/controller/store/output-writer.ts";
import { TestFolder } from "../../../support/folder.ts";

const TOKEN = "token-of-alice";
const LONG = "x".repeat(70_000);
const MEMORY = 65_536;

let folder: TestFolder;
let path: string;
let files: FileHandle[];
let left: unknown[];
let space: number;
let room: { -readonly [Key in keyof OutputRoom]: OutputRoom[Key] };
beforeEach(() => {
  folder = new TestFolder();
  path = folder.join("0.stdout");
  [files, left, space] = [[], [], Number.POSITIVE_INFINITY];
  room = {
    closed: false,
    create: async () => {
      const file = await open(path, "wx");
      files.push(file);
      return { file, path };
    },
    closeFile: async (file) => await file.close(),
    room: async (bytes) => {
      const most = Math.min(bytes, space);
      space -= most;
      return most;
    },
    leftOut: (why) => void left.push(why),
  };
});
afterEach(() => folder[Symbol.dispose]());

const writer = () => new OutputWriter(room, TOKEN, 0, "stdout");
const kept = () => readFileSync(path, "utf8");

test.each([
  ["all of it", TOKEN, "[token]*******"],
  ["its beginning", TOKEN.slice(0, 6), "[token"],
])("T27 a long output that ends with a token, %s, has marks in its place", async (_, end, mark) => {
  const output = writer();
  await output.take(Buffer.from(`${LONG}${end}`), false);
  expect(await output.end()).toMatchObject({ bytes: LONG.length + end.length });
  expect(kept().length).toBe(LONG.length + end.length);
  expect([kept().slice(LONG.length), left]).toEqual([mark, []]);
});

describe("in memory", () => {
  test("is what fits, to the last byte, and the rest takes all of it into a file", async () => {
    const output = writer();
    await output.take(Buffer.alloc(MEMORY - 2, "a"), true);
    expect([output.holds(2), output.holds(3)]).toEqual([true, false]);
    await output.take(Buffer.from("bc"), true);
    expect([output.held, files.length]).toEqual([MEMORY, 0]);
    await output.take(Buffer.from("d"), true);
    expect([output.held, output.holds(0), files.length]).toEqual([0, false, 1]);
    expect(await output.end()).toMatchObject({ bytes: MEMORY + 1, base64: undefined });
    expect(kept()).toBe(`${"a".repeat(MEMORY - 2)}bcd`);
  });

  test("it is told as it came", async () => {
    const output = writer();
    await output.take(Buffer.from("ab"), true);
    await output.take(Buffer.from([0xff]), true);
    expect(await output.end()).toEqual({ text: "ab\ufffd", base64: "YWL/", bytes: 3, lost: 0 });
    expect(await writer().end()).toEqual({ text: "", base64: undefined, bytes: 0, lost: 0 });
  });
});

describe("in a file", () => {
  test("bytes that are not text are told as such, and what is text is not", async () => {
    const output = writer();
    await output.take(Buffer.from([0x61, 0xff]), false);
    const { base64 } = await output.end();
    expect(typeof base64 === "object" && [...base64.parts()].join("")).toBe("Yf8=");
  });

  test("is a beginning without gaps: after what had no room nothing is written", async () => {
    space = 4;
    const output = writer();
    await output.take(Buffer.from("a"), false);
    await output.take(Buffer.from("bcdef"), false);
    space = 100;
    await output.take(Buffer.from("ghi"), false);
    expect(await output.end()).toMatchObject({ bytes: 4, lost: 5 });
    expect(kept()).toBe("abcd");
  });

  test("is nothing more once the run is over", async () => {
    const output = writer();
    await output.take(Buffer.from("a"), false);
    room.closed = true;
    await output.take(Buffer.from("b"), false);
    expect(await output.end()).toMatchObject({ bytes: 1 });
    expect([kept(), left]).toEqual(["a", []]);
  });

  test("no file is made for nothing, and one without a byte of it is none", async () => {
    const output = writer();
    await output.take(Buffer.alloc(0), false);
    expect(files).toEqual([]);
    space = 0;
    await output.take(Buffer.from("a"), false);
    expect(await output.end()).toEqual({ text: "", base64: undefined, bytes: 0, lost: 1 });
  });

  test("T22 one that cannot be written is told once, and what was written stays", async () => {
    const output = writer();
    await output.take(Buffer.from("a"), false);
    await files[0]?.close();
    await output.take(Buffer.from("b"), false);
    await output.take(Buffer.from("c"), false);
    expect(left).toHaveLength(1);
    room.closeFile = async () => undefined;
    expect(await output.end()).toMatchObject({ bytes: 1 });
    expect(kept()).toBe("a");
  });
});
