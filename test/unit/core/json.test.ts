import { expect, test } from "bun:test";
import * as z from "zod/mini";
import { readJsonAs } from "../../../src/core/json.ts";

const schema = z.object({ name: z.string() });

test("JSON of the shape is read, anything else is nothing", () => {
  expect(readJsonAs(schema, '{"name":"web-01","more":1}')).toEqual({ name: "web-01" });
  for (const text of ["", "{", '{"name":', '{"name":1}', "null", "[]", '"name"']) {
    expect(readJsonAs(schema, text), text).toBeUndefined();
  }
});
