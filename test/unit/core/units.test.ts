import { describe, expect, test } from "bun:test";
import { formatBytes, parseByteSize, parseRateLimit } from "../../../src/core/units.ts";

test("a rate limit", () => {
  expect(parseRateLimit("10/60/300")).toEqual({ limit: 10, window: 60, block: 300 });
  expect(parseRateLimit(" 1/1/1 ")).toEqual({ limit: 1, window: 1, block: 1 });
});

test.each([
  "",
  "10",
  "10/60",
  "10/60/300/1",
  "0/1/1",
  "1/0/1",
  "1/1/0",
  "a/b/c",
  "1 /2/3",
  "-1/2/3",
  "1.5/2/3",
  "1234567890/1/1",
])("%j is not a rate limit", (text) => {
  expect(parseRateLimit(text)).toBeUndefined();
});

describe("a size", () => {
  test.each([
    ["1", 1],
    ["4096", 4096],
    ["512K", 524_288],
    ["512 k", 524_288],
    ["64M", 67_108_864],
    ["64MB", 67_108_864],
    ["64MiB", 67_108_864],
    ["1G", 1_073_741_824],
    ["1024G", 2 ** 40],
    ["100B", 100],
  ])("%s", (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });
  test.each([
    "",
    "0",
    "0M",
    "-1",
    "1.5M",
    "M",
    "1T",
    "1KK",
    "1iB",
    "1Mi B",
    "1025G",
    "1e3",
    "0x10",
  ])("not %j", (text) => {
    expect(parseByteSize(text)).toBeUndefined();
  });
});

test.each([
  [0, "0 bytes"],
  [1, "1 byte"],
  [1023, "1023 bytes"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [1_048_575, "1 MiB"],
  [1_048_576, "1 MiB"],
  [67_108_864, "64 MiB"],
  [1_610_612_736, "1.5 GiB"],
  [2 ** 42, "4 TiB"],
  [2 ** 52, "4096 TiB"],
])("%d is shown as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
