import { expect, test } from "bun:test";
import { BytesText } from "../../../../src/core/wire/bytes-text.ts";
import { type LongText, wholeText } from "../../../../src/core/wire/json-pieces.ts";

/** The same bytes in pieces of a length. */
function inPieces(bytes: Buffer, length: number): BytesText {
  const text = new BytesText();
  for (let at = 0; at < bytes.length; at += length) text.add(bytes.subarray(at, at + length));
  return text;
}

const LONG = 40_000;

test.each([
  ["nothing", Buffer.alloc(0)],
  ["a byte order mark", Buffer.from("\ufeffx")],
  ["a short text", Buffer.from("é😀\0\n")],
  ["a long text", Buffer.from("é😀x\0".repeat(LONG))],
])("%s is text, however it is cut, and needs no base64", (_, bytes) => {
  for (const length of [1, 3, 1000, 65_536, 70_001]) {
    if (length === 1 && bytes.length > 1000) continue;
    const text = inPieces(bytes, length);
    expect(text.length).toBe(bytes.length);
    const content = text.text();
    expect(wholeText(content)).toBe(bytes.toString("utf8"));
    expect(text.base64()).toBeUndefined();
    if (typeof content !== "string") expect(content.bytes).toBe(bytes.length);
  }
});

test.each([
  ["a character that is cut at the end", Buffer.from("é").subarray(0, 1)],
  ["a byte that is not UTF-8", Buffer.from([0x78, 0xff, 0x79])],
  ["many of them", Buffer.from("xé\xff".repeat(LONG), "latin1")],
])("%s: base64 has the exact bytes", (_, bytes) => {
  for (const length of [1000, 65_536]) {
    const text = inPieces(bytes, length);
    expect(wholeText(text.text())).toContain("\ufffd");
    const base64 = text.base64() as string | LongText;
    expect(Buffer.from(wholeText(base64), "base64")).toEqual(bytes);
    if (typeof base64 !== "string") expect(base64.bytes).toBe(wholeText(base64).length);
  }
});

test("T69 up to 64 KiB are held as one text, and more in blocks", () => {
  const kinds = (bytes: Buffer) => {
    const text = inPieces(bytes, 1000);
    return [typeof text.text(), typeof text.base64(), [...text.chunks()].length];
  };
  expect(kinds(Buffer.alloc(65_536, "x"))).toEqual(["string", "undefined", 2]);
  expect(kinds(Buffer.alloc(65_537, "x"))).toEqual(["object", "undefined", 2]);
  expect(kinds(Buffer.alloc(65_536, 0xff))).toEqual(["string", "string", 2]);
  expect(kinds(Buffer.alloc(65_537, 0xff))).toEqual(["object", "object", 2]);
});
