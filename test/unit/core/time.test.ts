import { describe, expect, test } from "bun:test";
import {
  addDays,
  daysBetween,
  isoDay,
  isoMinutes,
  isoSeconds,
  opensslTime,
  parseHttpDate,
  parseIso,
  parseOpensslTime,
  spanOf,
} from "../../../src/core/time.ts";

test("ISO 8601 with seconds, without fractions", () => {
  expect(isoSeconds(new Date("2026-01-15T12:00:00.999Z"))).toBe("2026-01-15T12:00:00Z");
});

test("the day alone; what is not a time is not read as one", () => {
  expect(isoDay(new Date("2026-01-15T23:59:59Z"))).toBe("2026-01-15");
  expect(parseIso("2026-01-15T12:00:00Z")).toEqual(new Date("2026-01-15T12:00:00Z"));
  for (const text of [
    "",
    "2026-01-15",
    "2026-13-15T12:00:00Z",
    "2026-02-30T12:00:00Z",
    "Jan 15 12:00:00 2026 GMT",
  ]) {
    expect(parseIso(text)).toBeUndefined();
  }
});

describe("OpenSSL's text form", () => {
  test.each([
    ["2027-06-07T16:28:00Z", "Jun  7 16:28:00 2027 GMT"],
    ["2027-12-31T23:59:59Z", "Dec 31 23:59:59 2027 GMT"],
    ["2028-02-29T00:00:00Z", "Feb 29 00:00:00 2028 GMT"],
    ["2050-01-01T00:00:00Z", "Jan  1 00:00:00 2050 GMT"],
  ])("%s is %j, there and back", (iso, text) => {
    expect(opensslTime(new Date(iso))).toBe(text);
    expect(parseOpensslTime(text)).toEqual(new Date(iso));
  });

  test.each(["Jun 7 16:28:00 2027 GMT", "Jun 07 16:28:00 2027 GMT", " Jun  7 16:28:00 2027 GMT\n"])(
    "%j is read as well",
    (text) => {
      expect(parseOpensslTime(text)).toEqual(new Date("2027-06-07T16:28:00Z"));
    },
  );

  test.each([
    "",
    "2027-06-07T16:28:00Z",
    "Jun  7 16:28:00 2027",
    "Jun  7 16:28:00 2027 CET",
    "Jun  7 16:28 2027 GMT",
    "jun  7 16:28:00 2027 GMT",
    "Juni 7 16:28:00 2027 GMT",
    "Foo  7 16:28:00 2027 GMT",
    "Feb 31 16:28:00 2027 GMT",
    "Feb 29 16:28:00 2027 GMT",
    "Jun  0 16:28:00 2027 GMT",
    "Jun  7 24:28:00 2027 GMT",
    "Jun  7 16:60:00 2027 GMT",
    "Jun  7 16:28:61 2027 GMT",
    "Jun  7 16:28:00 0050 GMT",
    "Jun  7 16:28:00 20270 GMT",
    "notAfter=Jun  7 16:28:00 2027 GMT",
  ])("%j is not it", (text) => {
    expect(parseOpensslTime(text)).toBeUndefined();
  });
});

describe("days", () => {
  const noon = new Date("2026-03-28T12:00:00Z");
  test("are 24 hours, whatever the clocks of a country do", () => {
    expect(addDays(noon, 1)).toEqual(new Date("2026-03-29T12:00:00Z"));
    expect(addDays(noon, -28)).toEqual(new Date("2026-02-28T12:00:00Z"));
    expect(noon).toEqual(new Date("2026-03-28T12:00:00Z"));
  });
  test("between are whole, and negative once it has passed", () => {
    expect(daysBetween(noon, addDays(noon, 90))).toBe(90);
    expect(daysBetween(noon, new Date(addDays(noon, 90).getTime() - 1))).toBe(89);
    expect(daysBetween(noon, noon)).toBe(0);
    expect(daysBetween(noon, new Date(noon.getTime() - 1))).toBe(-1);
  });
});

test("to the minute", () => {
  expect(isoMinutes(new Date("2026-01-15T12:34:59.999Z"))).toBe("2026-01-15T12:34Z");
});

test("a fraction of a second is read, and what does not exist is not", () => {
  expect(parseIso("2026-01-15T12:00:00.25Z")).toEqual(new Date("2026-01-15T12:00:00.250Z"));
  for (const text of ["2026-01-15T24:00:00Z", "2026-01-15T12:60:00Z", "2026-01-15T12:00:00.Z"]) {
    expect(parseIso(text)).toBeUndefined();
  }
});

test("from one moment to another, where both are known", () => {
  const [start, end] = ["2026-01-15T12:00:00Z", "2026-01-15T12:00:01.5Z"];
  expect([spanOf(start, end), spanOf(start, start)]).toEqual(["1500ms", "0ms"]);
  expect([spanOf(start), spanOf("", end), spanOf(), spanOf("x", end)]).toEqual(["", "", "", ""]);
});

test("a Date header in the form of today", () => {
  expect(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT")).toEqual(new Date("1994-11-06T08:49:37Z"));
  for (const text of ["", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT"]) {
    expect(parseHttpDate(text)).toBeUndefined();
  }
});
