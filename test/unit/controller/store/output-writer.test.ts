/** One output of a run under way, which somebody may have cut in the middle of a token. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { type OutputRoom, OutputWriter } from "../../../../src/controller/store/output-writer.ts";
import { TestFolder } from "../../../support/folder.ts";

const TOKEN = "token-of-alice";
const LONG = "x".repeat(70_000);

test.each([
  ["all of it", TOKEN, "[token]*******"],
  ["its beginning", TOKEN.slice(0, 6), "[token"],
])("T27 a long output that ends with a token, %s, has marks in its place", async (_, end, mark) => {
  using folder = new TestFolder();
  const path = folder.join("0.stdout");
  const room: OutputRoom = {
    closed: false,
    create: async () => ({ file: await open(path, "wx"), path }),
    closeFile: async (file) => await file.close(),
    room: async (bytes) => bytes,
    leftOut: (why) => {
      throw why;
    },
  };
  const writer = new OutputWriter(room, TOKEN, 0, "stdout");
  await writer.take(Buffer.from(`${LONG}${end}`), false);
  expect(await writer.end()).toMatchObject({ bytes: LONG.length + end.length });
  const kept = readFileSync(path, "utf8");
  expect(kept.length).toBe(LONG.length + end.length);
  expect(kept.slice(LONG.length)).toBe(mark);
});
