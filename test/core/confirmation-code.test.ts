import { expect, test } from "bun:test";
import { confirmationCode } from "../../src/core/confirmation-code.ts";

// Each value computed with sha256sum and shell arithmetic: 4 bytes, big-endian, modulo a million.
test.each([
  ["", "012610"],
  ["abc", "432319"],
  ["-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n", "334026"],
])("the code of %j", (csr, code) => {
  expect(confirmationCode(csr)).toBe(code);
});

test("the trailing newline counts, as it is part of what was sent", () => {
  expect(confirmationCode("abc\n")).not.toBe(confirmationCode("abc"));
});

test("six digits, leading zeros kept", () => {
  const codes = Array.from({ length: 2000 }, (_, index) => confirmationCode(String(index)));
  expect(codes.every((code) => /^\d{6}$/.test(code))).toBe(true);
  expect(codes.some((code) => code.startsWith("0"))).toBe(true);
});
