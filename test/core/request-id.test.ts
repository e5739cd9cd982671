import { expect, test } from "bun:test";
import { isRequestId, requestIdFrom } from "../../src/core/request-id.ts";

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

test("an id is eight random bytes, leading zeros kept", () => {
  const id = requestIdFrom(Uint8Array.from([0, 1, 2, 0xfd, 0xfe, 0xff, 0x10, 0x0a]));
  expect(id).toBe("000102fdfeff100a");
  expect(isRequestId(id)).toBe(true);
  expect(requestIdFrom(new Uint8Array(32))).toHaveLength(16);
});
