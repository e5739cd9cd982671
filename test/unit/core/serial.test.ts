import { describe, expect, test } from "bun:test";
import {
  parseRevocations,
  readSerialLine,
  readSerials,
  requireRevocations,
  serialFromHex,
  shortSerial,
} from "../../../src/core/serial.ts";

describe("every form of docs/PROTOCOL.md, section 4, names 0xdeadbeef", () => {
  test.each([
    "deadbeef",
    "DEADBEEF",
    "DE:AD:BE:EF",
    "de:ad:be:ef",
    "0xdeadbeef",
    "0XDEADBEEF",
    "serial=DEADBEEF",
    "SERIAL=deadbeef",
    "serial=0xDEADBEEF",
    "serial=DE:AD:BE:EF",
    "00deadbeef",
    "00:DE:AD:BE:EF",
    "3735928559",
    "  deadbeef \r",
  ])("%j", (text) => {
    expect(readSerials(text)).toContain("deadbeef");
  });
});

test("digits alone have two readings, so that a revocation never misses", () => {
  expect(readSerials("3735928559")).toEqual(["3735928559", "deadbeef"]);
  expect(readSerials("10")).toEqual(["10", "0a"]);
  expect(readSerials("03")).toEqual(["03"]);
});

test("digits that say how they are meant have one", () => {
  expect(readSerials("0x10")).toEqual(["10"]);
  expect(readSerials("serial=10")).toEqual(["10"]);
  expect(readSerials("00:10")).toEqual(["10"]);
});

test("a colon between octets pads each", () => {
  expect(readSerials("3:A:FF")).toEqual(["030aff"]);
});

test("leading zeros are not a part of the number, up to 120 digits in all", () => {
  expect(readSerials(`${"0".repeat(118)}af`)).toEqual(["af"]);
  expect(readSerials(`${"0".repeat(119)}af`)).toEqual([]);
});

test("twenty octets, the most there are (RFC 5280), in hex and in decimal", () => {
  const hex = "7f".repeat(20);
  expect(readSerials(hex)).toContain(hex);
  expect(readSerials(hex.match(/../g)?.join(":") ?? "")).toEqual([hex]);
  expect(readSerials(BigInt(`0x${hex}`).toString())).toEqual([hex]);
  expect(readSerials(`00${hex}`)).toContain(hex);
});

test.each([
  "",
  "x",
  "0x",
  "serial=",
  "-5",
  "+5",
  "dead beef",
  "deadbeefg",
  "0xdead:beef",
  "DE:AD:",
  ":DE",
  "DE::AD",
  "DEA:D",
  "deadbeef # comment",
  "1e5\n2",
  "ff".repeat(21),
  "9".repeat(130),
])("%j is not a serial", (text) => {
  expect(readSerials(text)).toEqual([]);
});

test("a certificate's own serial in the form of OpenSSL: whole octets", () => {
  expect(serialFromHex("3")).toBe("03");
  expect(serialFromHex("0003")).toBe("03");
  expect(serialFromHex("0A:FF")).toBe("0aff");
  expect(serialFromHex("0")).toBe("00");
  expect(serialFromHex("100")).toBe("0100");
});

test("a revocation list: a comment may stand in its own line or after a serial", () => {
  const text = "# lost\nabc # alice\n\n  # 0\nDE:AD#x\r\nnot one # ff\n#\nff ff\n";
  const { serials, badLines } = parseRevocations(text);
  expect([...serials]).toEqual(["0abc", "dead"]);
  expect(badLines).toEqual([6, 8]);
});

test("a list that must be read whole names its bad lines, the first five of many", () => {
  const need = (text: string) => () => requireRevocations("/etc/list", text);
  expect([...need("abc\n\n# x\n")().serials]).toEqual(["0abc"]);
  expect(need("abc\nx\n")).toThrow("Cannot use /etc/list: line 2 is not a serial");
  expect(need("x\nabc\ny\n")).toThrow("Cannot use /etc/list: lines 1, 3 are not serials");
  expect(need("x\n".repeat(5))).toThrow("lines 1, 2, 3, 4, 5 are not serials");
  expect(need("x\n".repeat(9))).toThrow("lines 1, 2, 3, 4, 5 and 4 more are not serials");
});

test("a line of digits alone names one serial, of two readings", () => {
  const { serials, named } = parseRevocations("1234\nabcd\n01234 # again\n");
  expect([serials.size, named]).toEqual([3, 2]);
});

describe("the file with the controller's serial", () => {
  test.each([
    ["4a3b\n", "4a3b"],
    ["03", "03"],
    ["3", "03"],
    ["4A3B\r\n", "4a3b"],
    [" 10 \n", "10"],
    ["f".repeat(40), "f".repeat(40)],
  ])("%j", (text, serial) => {
    expect(readSerialLine(text)).toBe(serial);
  });
  test.each(["", "\n", "4a\n3b", "xyz", "4a:3b", "f".repeat(41)])("%j holds none", (text) => {
    expect(readSerialLine(text)).toBeUndefined();
  });
});

test("a table shows the first sixteen digits", () => {
  expect(shortSerial("0123456789abcdef0123")).toBe("0123456789abcdef");
  expect(shortSerial("3")).toBe("3");
});
