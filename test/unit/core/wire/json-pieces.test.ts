import { describe, expect, test } from "bun:test";
import {
  isLongText,
  jsonPieces,
  type LongText,
  textParts,
  wholeText,
} from "../../../../src/core/wire/json-pieces.ts";

const LONG = 'a\n"\\\u0001é€😀'.repeat(30_000);

const written = (value: unknown) => [...jsonPieces(value)].join("");

describe("is what JSON.stringify makes of it", () => {
  test.each([
    ["text", "x"],
    ["a number", 1],
    ["nothing", null],
    ["an empty object", {}],
    ["an empty list", []],
    ["a list of numbers", [1, 2]],
    ["a list of empty objects", [{}, {}]],
    ["members that are undefined", { a: undefined, b: 1, c: { d: undefined }, e: [] }],
    ["a long text", LONG],
    [
      "long texts in objects in a list",
      { r: [{ host: "a", out: LONG, none: undefined }, { out: "" }] },
    ],
    ["a long text among undefined members", { a: undefined, out: LONG, b: undefined }],
  ])("%s", (_, value) => {
    expect(written(value) === JSON.stringify(value)).toBe(true);
  });
});

test("pieces are short, whatever the text", () => {
  const lengths = [...jsonPieces({ out: LONG })].map((piece) => piece.length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(7 * 65_536);
  expect(Math.min(...lengths.slice(0, -1))).toBeGreaterThanOrEqual(65_536);
});

test("a pair of surrogates that a piece tears apart is one character again for the reader", () => {
  const text = `${"x".repeat(65_535)}😀${"y".repeat(65_535)}😀`;
  expect(JSON.parse(written({ text })).text === text).toBe(true);
});

test("a long text is asked for its parts each time", () => {
  const text: LongText = {
    *parts() {
      yield 'one "';
      yield "";
      yield "two\n";
    },
  };
  expect(written({ a: 1, text })).toBe(JSON.stringify({ a: 1, text: 'one "two\n' }));
  expect(written({ a: 1, text })).toBe(written({ a: 1, text }));
});

test("a text is written in pieces only from 64 Ki characters on", () => {
  const pieces = (text: string) => [...jsonPieces({ text })].map(({ length }) => length);
  expect(pieces("x".repeat(65_536))).toEqual(['{"text":""}'.length + 65_536]);
  expect(pieces("x".repeat(65_537))).toEqual(['{"text":"'.length + 65_536, 3]);
});

test("a long text is whatever gives its parts", () => {
  const long: LongText = { parts: () => ["a", "b"] };
  expect([long, "ab", null, undefined, {}].map(isLongText)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
  expect([...textParts(long)]).toEqual(["a", "b"]);
  expect([...textParts("ab")]).toEqual(["ab"]);
  expect([wholeText(long), wholeText("ab")]).toEqual(["ab", "ab"]);
});
