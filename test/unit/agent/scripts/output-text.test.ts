import { describe, expect, test } from "bun:test";
import {
  inMemory,
  type OutputText,
  outputText,
} from "../../../../src/agent/scripts/output-text.ts";
import { isLongText, jsonPieces } from "../../../../src/core/wire/json-pieces.ts";

/** More than what is put together at once. */
const REPEATS = 10_000;

const TEXT = Buffer.from("é€😀 plain\n".repeat(REPEATS), "utf8");
const BINARY = Buffer.alloc(
  REPEATS * 9,
  Buffer.from([0x61, 0xff, 0xe2, 0x82, 0xf0, 0x9f, 0x98, 0x00, 0x0a]),
);

function chunked(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
  return chunks;
}

function read(text: OutputText["text"] | undefined): string | undefined {
  return isLongText(text) ? [...text.parts()].join("") : text;
}

describe.each([1, 2, 3, 7, 4096, 2 ** 20])("in chunks of %d bytes", (size) => {
  test("UTF-8 is text alone", () => {
    const { text, base64 } = outputText(inMemory(chunked(TEXT, size)));
    expect(read(text) === TEXT.toString("utf8")).toBe(true);
    expect(base64).toBeUndefined();
  });

  test("anything else is text that has lost some, and every byte in base64", () => {
    const { text, base64 } = outputText(inMemory(chunked(BINARY, size)));
    expect(read(text) === new TextDecoder().decode(BINARY)).toBe(true);
    expect(read(base64) === BINARY.toString("base64")).toBe(true);
  });

  test("a character that the end cuts off is not UTF-8", () => {
    const { base64 } = outputText(inMemory(chunked(TEXT.subarray(0, -9), size)));
    expect(base64).toBeDefined();
  });
});

test.each([
  ["", undefined],
  ["short é", undefined],
])("what is short is text at once: %j", (text, base64) => {
  expect(outputText(inMemory([Buffer.from(text)]))).toEqual({ text, base64 });
});

test("short bytes that are not text", () => {
  expect(outputText(inMemory([Buffer.from([0xff]), Buffer.from([0x61])]))).toEqual({
    text: "\ufffda",
    base64: "/2E=",
  });
});

test.each([
  ["text", TEXT],
  ["bytes", BINARY],
])("%s can be written as often as it is wanted", (_, bytes) => {
  const output = outputText(inMemory(chunked(bytes, 4096)));
  const written = () => [...jsonPieces(output)].join("");
  const [first, second] = [written(), written()];
  expect(first === second).toBe(true);
  expect(JSON.parse(first).text === new TextDecoder().decode(bytes)).toBe(true);
});
