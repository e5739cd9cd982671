import { expect, test } from "bun:test";
import { formatJoinToken, readJoinToken } from "../../../src/core/join-token.ts";

const TOKEN = {
  caFingerprint: `sha256:${"ab".repeat(32)}`,
  id: "0123456789abcdef",
  seed: new Uint8Array(32).fill(7),
};
const TEXT =
  "cxj1_q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6sBI0VniavN7wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHjMwybGT-38U";

test("a token is one line that survives a copy, and reads as it was written", () => {
  expect(formatJoinToken(TOKEN)).toBe(TEXT);
  expect(readJoinToken(TEXT)).toEqual(TOKEN);
  expect(readJoinToken(` ${TEXT}\r\n`)).toEqual(TOKEN);
});

test("T31 a token that was cut or altered anywhere is refused", () => {
  for (let end = 0; end < TEXT.length; end++) {
    expect(readJoinToken(TEXT.slice(0, end))).toBeString();
  }
  for (let index = 0; index < TEXT.length; index++) {
    for (const other of ["A", "_", "9", "~", " "]) {
      if (TEXT[index] === other) continue;
      expect(readJoinToken(TEXT.slice(0, index) + other + TEXT.slice(index + 1))).toBeString();
    }
  }
});

test("what is wrong with it is told without any of it", () => {
  expect(readJoinToken(TEXT.slice(0, -3))).toBe(
    "it was cut: it has 104 characters after the _ instead of 107",
  );
  expect(readJoinToken(`${TEXT}a`)).toBe(
    "something was added to it: it has 108 characters after the _ instead of 107",
  );
  expect(readJoinToken(TEXT.replace("BwcH", "BwcI"))).toBe(
    "it was altered: its checksum does not match",
  );
  expect(readJoinToken("hunter2")).toBe("it is not a join token");
  expect(readJoinToken(TEXT.replace("cxj1", "cxj2"))).toBe(
    "it is a join token of version 2, which this version does not know",
  );
});
