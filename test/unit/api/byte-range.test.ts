/** RFC 9110, section 14: one range of bytes. */
import { expect, test } from "bun:test";
import { partOf, readRange } from "../../../src/api/byte-range.ts";

/** Of ten bytes: `first-end`, "whole", or "none". */
function part(header: string, length = 10): string {
  const range = readRange(header);
  if (range === undefined) return "whole";
  const found = partOf(range, length);
  return found === undefined ? "none" : `${found.first}-${found.end}`;
}

test.each([
  ["bytes=0-0", "0-1"],
  ["bytes=0-4", "0-5"],
  ["bytes=3-", "3-10"],
  ["bytes=9-", "9-10"],
  ["bytes=2-99999999999999999999999", "2-10"],
  ["bytes=-3", "7-10"],
  ["bytes=-99", "0-10"],
  ["Bytes= 1-2 ", "1-3"],
])("%s is %s", (header, expected) => {
  expect(part(header)).toBe(expected);
});

test.each(["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999999999999999999999-"])(
  "there is no byte of %s",
  (header) => {
    expect(part(header)).toBe("none");
  },
);

test.each([
  ...["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes=2-1", "bytes=+1-2"],
  ...["bytes=0-1,3-4", "lines=0-1", "bytes 0-1", "bytes=0x1-2", "bytes=1-2-3", "bytes=١-٢"],
])("%p is not a range: the whole is sent", (header) => {
  expect(part(header)).toBe("whole");
});

test("of nothing, the last bytes are the whole, and there is no first one", () => {
  expect(part("bytes=-5", 0)).toBe("0-0");
  expect(part("bytes=0-", 0)).toBe("none");
});

test("without a header it is the whole", () => {
  expect(partOf(readRange(undefined), 7)).toEqual({ first: 0, end: 7 });
});
