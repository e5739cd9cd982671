import { expect, test } from "bun:test";
import { Utf8Check } from "../../../src/core/utf8-check.ts";

function isUtf8(bytes: Buffer, length: number): boolean {
  const check = new Utf8Check();
  for (let at = 0; at < bytes.length; at += length) check.take(bytes.subarray(at, at + length));
  return check.isUtf8;
}

test.each([
  ["nothing", Buffer.alloc(0), true],
  ["characters of every length", Buffer.from("aé€😀\u0000"), true],
  ["a byte that begins none", Buffer.from([0x61, 0xff, 0x61]), false],
  ["a byte that only goes on", Buffer.from([0x61, 0x80]), false],
  ["a character that is not whole", Buffer.from([0x61, 0xe2, 0x82]), false],
  ["half a pair of surrogates", Buffer.from([0xed, 0xa0, 0x80]), false],
])("%s: in pieces of any length", (_, bytes, expected) => {
  for (let length = 1; length <= 5; length++) expect(isUtf8(bytes, length)).toBe(expected);
});
