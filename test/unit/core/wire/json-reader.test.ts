import { describe, expect, test } from "bun:test";
import { JsonReader } from "../../../../src/core/wire/json-reader.ts";
import { PiecedText } from "../../../../src/core/wire/pieced-text.ts";

const ODD = 'a\n"\\\b\u0001é€😀\ud83d \\u0041 \\\\"';
const LONG = ODD.repeat(30_000);

/** More than what is parsed in one go, and nothing. */
const MUCH = " ".repeat(66_000);

/** @param step bytes that come at once */
function read(json: string | Uint8Array, step = Number.POSITIVE_INFINITY, maxRest = 2 ** 20) {
  const bytes = Buffer.from(json);
  const reader = new JsonReader(maxRest);
  for (let at = 0; at < bytes.length; at += step) reader.take(bytes.subarray(at, at + step));
  return inOne(reader.end());
}

/** With every long text as one. */
function inOne(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

describe("reads what JSON.parse reads", () => {
  const values = [1, "x", "", null, [], {}, { a: [ODD, { [ODD]: ODD }], b: "" }];
  test.each(values.map((value) => [value]))("%j, wherever it is cut", (value) => {
    const json = JSON.stringify(value, undefined, 1);
    for (let step = 1; step < 20; step++) expect(read(json, step)).toEqual(value);
    // So much that it is looked at before it is whole.
    for (const step of [1, 2, 3, 5, 7]) expect(read(`${MUCH}${json}`, step)).toEqual(value);
  });

  test.each([1009, 16_384, 65_536, 2 ** 21])("long texts, %d bytes at once", (step) => {
    const value = { first: LONG, list: [{ second: `${LONG}.`, third: "short" }], last: "x" };
    // toEqual on texts of this length takes its time.
    expect(Bun.deepEquals(read(JSON.stringify(value), step), value)).toBe(true);
  });

  test("a long text in which every character is an escape", () => {
    const text = "\u0001".repeat(400_000);
    const json = JSON.stringify({ text }).replaceAll("\\u0001", "\\ud83d\\ude00");
    expect(Bun.deepEquals(read(json, 1021), { text: "😀".repeat(400_000) })).toBe(true);
  });

  test("what is not UTF-8, as a decoder replaces it, cut in two as well", () => {
    const bytes = Buffer.from('"\xff\xe2\x82 \xf0\x9f\x98\x80"', "latin1");
    for (let step = 1; step < 5; step++) expect(read(bytes, step)).toBe("\ufffd\ufffd 😀");
  });
});

describe("what is not JSON is undefined", () => {
  const long = "x".repeat(3_000_000);
  test.each([
    ["nothing", ""],
    ["text without its end", '"abc'],
    ["text that ends in an escape", '"abc\\'],
    ["an escape that is none", '"\\x"'],
    ["a control character in a text", '"\n"'],
    ["two values", "1 2"],
    ["a byte order mark", "\ufeff{}"],
    ["a long text without its end", `{"a":"${long}`],
    ["an escape that is not valid in a long text", `{"a":"${long}\\x${long}"}`],
    ["a long text in a wrong place", `{"a" "${long}"}`],
    ["HTML", "<html>"],
  ])("%s", (_, json) => {
    expect(read(json, 65_536)).toBeUndefined();
    expect(read(`${MUCH}${json}`, 4096)).toBeUndefined();
  });
});

test("T29 what is not a long text is bounded", () => {
  const list = JSON.stringify(Array.from({ length: 1000 }, () => 1));
  expect(read(list, 100, list.length)).toHaveLength(1000);
  expect(() => read(list, 100, list.length - 1)).toThrow(
    expect.objectContaining({ code: "too-large" }),
  );
  // Texts just too short to be long ones count in full.
  const short = JSON.stringify(Array.from({ length: 20 }, () => "x".repeat(60_000)));
  expect(() => read(short, 1000)).toThrow(expect.objectContaining({ code: "too-large" }));
});

describe("members that are not wanted", () => {
  const value = { out: ODD, host: "out", list: ["out", ODD, { out: `${ODD}${ODD}` }], out2: "x" };
  const wanted = { ...value, out: "", list: ["out", ODD, { out: "" }] };

  test.each([0, 1])("are empty, wherever they are cut, with %d spaces", (spaces) => {
    const bytes = Buffer.from(JSON.stringify(value, undefined, spaces));
    for (let step = 1; step < 20; step += 1) {
      const reader = new JsonReader(2 ** 20, 16, ["out"]);
      for (let at = 0; at < bytes.length; at += step) reader.take(bytes.subarray(at, at + step));
      expect(inOne(reader.end())).toEqual(wanted);
    }
  });

  test("are not held", () => {
    const bytes = Buffer.from(JSON.stringify({ out: LONG, list: [{ out: LONG }] }));
    const reader = new JsonReader(2 ** 20, 16, ["out"]);
    for (let at = 0; at < bytes.length; at += 65_536) {
      reader.take(bytes.subarray(at, at + 65_536));
      expect(reader.held).toBeLessThan(100);
    }
    expect(reader.end()).toEqual({ out: "", list: [{ out: "" }] });
  });
});

describe("a long text", () => {
  const isLong = (text: string, longFrom: number) => {
    const reader = new JsonReader(2 ** 20, longFrom);
    reader.take(Buffer.from(JSON.stringify({ text, more: "x".repeat(longFrom - 1) })));
    return (reader.end() as { text: unknown }).text instanceof PiecedText;
  };

  test("is one of so many characters, as JSON writes it", () => {
    expect(isLong("x".repeat(15), 16)).toBe(false);
    expect(isLong("x".repeat(16), 16)).toBe(true);
    expect(isLong("\n".repeat(8), 16)).toBe(true);
    expect(isLong("x".repeat(65_535), 65_536)).toBe(false);
    expect(isLong("x".repeat(65_536), 65_536)).toBe(true);
  });

  test("cannot be named by its sender, also where there are several", () => {
    const value = { a: "x".repeat(20), b: "y".repeat(30), c: " 0", d: " 1" };
    const reader = new JsonReader(2 ** 20, 16);
    reader.take(Buffer.from(JSON.stringify(value)));
    expect(inOne(reader.end())).toEqual(value);
  });
});

test("T29 what is held is what has come, a long text as it is decoded", () => {
  const reader = new JsonReader(2 ** 20, 16);
  const held = (text: string) => {
    reader.take(Buffer.from(text));
    return reader.held;
  };
  expect(reader.held).toBe(0);
  expect(held('{"a":"123')).toBe(9);
  expect(held("4567890")).toBe(16);
  // Now it is too long to be looked at as a whole: its quotation marks are not held.
  expect(held("1")).toBe(16);
  expect(held("23456")).toBe(21);
  const name = '""'.length + crypto.randomUUID().length + " 0".length;
  expect(held('"}')).toBe('{"a":}'.length + name + 16);
});

test("T29 it says how much may be outside of long texts", () => {
  const reader = new JsonReader(2048, 16);
  expect(() => reader.take(Buffer.from(JSON.stringify(Array(2000).fill(1))))).toThrow(
    "holds more than 2 KiB besides its long texts",
  );
});

test("input that can no longer become JSON is known as that", () => {
  const reader = new JsonReader(2 ** 20, 16);
  reader.take(Buffer.from('{"a":"12345678901234567890'));
  expect(reader.isJson).toBe(true);
  reader.take(Buffer.from('\\x"'));
  expect(reader.isJson).toBe(false);
  reader.take(Buffer.from("}"));
  expect(reader.end()).toBeUndefined();
});

test.each(['1 "open', '["abc\\u12", "x"]', '["long\\x"]', '{\\"a": 1}', '"abcd'])(
  "%s is not JSON, also in a reader that takes texts of four characters for long",
  (json) => {
    for (const step of [1, 100]) {
      const reader = new JsonReader(100, 4);
      for (let at = 0; at < json.length; at += step) {
        reader.take(Buffer.from(json.slice(at, at + step)));
      }
      expect(reader.end()).toBeUndefined();
    }
  },
);
