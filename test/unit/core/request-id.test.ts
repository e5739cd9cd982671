import { expect, test } from "bun:test";
import { isRequestId, newRequestId } from "../../../src/core/request-id.ts";

test.each([
  ["a1b2c3d4e5f60718", true],
  ["0000000000000000", true],
  ["", false],
  ["a1b2c3d4e5f6071", false],
  ["a1b2c3d4e5f607180", false],
  ["A1B2C3D4E5F60718", false],
  ["a1b2c3d4e5f6071g", false],
  ["a1b2c3d4e5f60718\n", false],
  ["../../../../etc/", false],
  ["a1b2c3d4e5f607/8", false],
  ["a1b2c3d4\0e5f6071", false],
  ["１234567890123456", false],
])("T17 %j: %p", (text, is) => {
  expect(isRequestId(text)).toBe(is);
});

test("a new id is one, leading zeros kept, and always another", () => {
  const ids = Array.from({ length: 1000 }, newRequestId);
  expect(ids.every(isRequestId)).toBe(true);
  expect(ids.some((id) => id.startsWith("0"))).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
});
