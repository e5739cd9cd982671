import { expect, test } from "bun:test";
import * as z from "zod/mini";
import {
  dropUndefined,
  isArrayOfText,
  isRecordOfText,
  readJsonAs,
} from "../../../src/core/json.ts";

const schema = z.object({ name: z.string() });

test("JSON of the shape is read, anything else is nothing", () => {
  expect(readJsonAs(schema, '{"name":"web-01","more":1}')).toEqual({ name: "web-01" });
  for (const text of ["", "{", '{"name":', '{"name":1}', "null", "[]", '"name"']) {
    expect(readJsonAs(schema, text), text).toBeUndefined();
  }
});

test.each([
  [[], true],
  [["a", ""], true],
  [["a", 1], false],
  ["a", false],
  [{ 0: "a", length: 1 }, false],
  [undefined, false],
])("whether %j is a list of texts: %p", (value, is) => {
  expect(isArrayOfText(value)).toBe(is);
});

test.each([
  [{}, true],
  [{ a: "x", b: "" }, true],
  [{ a: "x", b: 1 }, false],
  [["a"], false],
  ["a", false],
  [null, false],
  [undefined, false],
])("whether all members of %j are texts: %p", (value, is) => {
  expect(isRecordOfText(value)).toBe(is);
});

test("a member that is undefined is left out, and no other", () => {
  expect(Object.entries(dropUndefined({ a: undefined, b: null, c: 0, d: "" }))).toEqual([
    ["b", null],
    ["c", 0],
    ["d", ""],
  ]);
});
