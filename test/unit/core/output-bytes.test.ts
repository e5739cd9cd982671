/** A result's output as bytes again, whatever form it has. */
import { describe, expect, test } from "bun:test";
import { type Outputs, outputBytes, outputLength } from "../../../src/core/output-bytes.ts";
import type { LongText } from "../../../src/core/wire/json-pieces.ts";

const NONE = { stdout: "", stderr: "" };

/** A long text in these parts. */
const long = (...parts: readonly string[]): LongText => ({ parts: () => parts });

/** One that has its bytes at hand, in pieces of three. */
const kept = (bytes: Buffer): LongText => ({
  bytes: bytes.length,
  parts: () => {
    throw new Error("the text is not needed");
  },
  *bytesFrom(offset) {
    for (let at = offset; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3);
  },
});

const TEXT = "aé日😀\n";
const BYTES = Buffer.from([0, 0xff, 0x61, 0x80, 0x0a, 0xc3, 0x28]);
const BASE64 = BYTES.toString("base64");

const forms: readonly (readonly [string, Outputs, Buffer])[] = [
  ["a text", { ...NONE, stdout: TEXT }, Buffer.from(TEXT)],
  ["a long text", { ...NONE, stdout: long("aé", "", "日😀\n") }, Buffer.from(TEXT)],
  ["base64", { ...NONE, stdout: "\ufffd", stdout_b64: BASE64 }, BYTES],
  ["long base64", { ...NONE, stdout_b64: long(BASE64.slice(0, 5), BASE64.slice(5)) }, BYTES],
  ["bytes at hand", { ...NONE, stdout: kept(BYTES) }, BYTES],
  ["nothing", NONE, Buffer.alloc(0)],
];

describe.each([...forms])("of %s", (_, result, bytes) => {
  test("all that is behind any offset, in pieces of which none is empty", () => {
    for (let from = 0; from <= bytes.length + 2; from++) {
      const pieces = [...outputBytes(result, "stdout", from)];
      expect(Buffer.concat(pieces).toString("hex")).toBe(bytes.subarray(from).toString("hex"));
      expect(pieces.every(({ length }) => length > 0)).toBe(true);
    }
    expect(Buffer.concat([...outputBytes(result, "stdout")]).equals(bytes)).toBe(true);
  });

  test("how many there are", () => {
    expect(outputLength(result, "stdout")).toBe(bytes.length);
    expect(outputLength(result, "stderr")).toBe(0);
  });
});

test("what is at hand need not be read to be counted", () => {
  const text = {
    ...kept(BYTES),
    bytesFrom: () => {
      throw new Error("the bytes are not needed");
    },
  };
  expect(outputLength({ ...NONE, stderr: text }, "stderr")).toBe(BYTES.length);
});

test("a long text of which only the text is known is counted as what it is in UTF-8", () => {
  const text = { ...long("日", "é"), bytes: 999 };
  expect(outputLength({ ...NONE, stdout: text }, "stdout")).toBe(5);
});
