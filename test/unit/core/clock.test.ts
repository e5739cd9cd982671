import { describe, expect, test } from "bun:test";
import {
  type ClockSighting,
  describeOffset,
  hoursSince,
  judgeClock,
  secondsSince,
} from "../../../src/core/clock.ts";

const now = new Date("2026-06-01T12:00:00Z");
const HOUR = 3600;

/** @param age seconds since it was seen */
function seen(offset: number, age = 60): ClockSighting {
  return { host: "h", offset, seen: new Date(now.getTime() - age * 1000) };
}

describe("T68 whether the clock is right", () => {
  const cases: readonly (readonly [string, readonly ClockSighting[], string])[] = [
    ["nobody was seen", [], "fine"],
    ["all agree", [seen(0), seen(-3), seen(59)], "fine"],
    ["three of three disagree", [seen(-7200), seen(-7200), seen(-7200)], "wrong"],
    ["one minute counts", [seen(60), seen(-60), seen(61)], "wrong"],
    ["three of five disagree", [seen(99), seen(99), seen(99), seen(0), seen(0)], "wrong"],
    ["three of six is not most", [seen(99), seen(99), seen(99), seen(0), seen(0), seen(0)], "fine"],
    ["two of two disagree", [seen(99), seen(99)], "doubtful"],
    ["one of one disagrees", [seen(99)], "doubtful"],
    ["one of two is not most", [seen(99), seen(0)], "fine"],
    ["what was seen before yesterday", [1, 2, 3].map(() => seen(99, 25 * HOUR)), "fine"],
    ["what was seen yesterday", [1, 2, 3].map(() => seen(99, 23 * HOUR)), "wrong"],
    ["what was seen in the future", [1, 2, 3].map(() => seen(99, -2 * HOUR)), "fine"],
  ];
  for (const [name, sightings, kind] of cases) {
    test(`${name}: ${kind}`, () => expect(judgeClock(sightings, now).kind).toBe(kind as "fine"));
  }

  test("who was written down later in the same hour is no younger", () => {
    const at = (minute: number, offset: number) => {
      return { host: "h", offset, seen: new Date(`2026-05-31T12:${minute}:00Z`) };
    };
    const steady = [1, 2, 3, 4].map(() => at(10, 0));
    const moving = [1, 2, 3].map(() => at(50, 7200));
    const seenAt = (time: string) => judgeClock([...steady, ...moving], new Date(time)).seen;
    expect(seenAt("2026-06-01T12:30:00Z")).toBe(7);
    expect(seenAt("2026-06-01T13:00:00Z")).toBe(0);
  });

  test("it says who disagrees, the furthest first", () => {
    const verdict = judgeClock([seen(61), seen(0), seen(-7200), seen(99)], now);
    expect(verdict.differ.map(({ offset }) => offset)).toEqual([-7200, 99, 61]);
    expect(verdict.seen).toBe(4);
  });
});

test("an offset in words", () => {
  expect(describeOffset(7200)).toBe("2 hours ahead");
  expect(describeOffset(-7201)).toBe("2 hours behind");
  expect(describeOffset(-60)).toBe("1 minute behind");
  expect(describeOffset(-(280 * 86_400 + 2 * HOUR + 60))).toBe("280 days 2 hours behind");
  expect(describeOffset(90)).toBe("1 minute 30 seconds ahead");
  expect(describeOffset(0.6)).toBe("1 second ahead");
});

describe("how long ago somebody was seen", () => {
  test.each([
    ["12:00:00", 0],
    ["11:58:30", 90],
    // Another host's clock may be ahead by less than what counts.
    ["12:01:00", 0],
    ["12:01:01", undefined],
  ])("at %s: %p seconds", (time, seconds) => {
    expect(secondsSince(new Date(`2026-06-01T${time}Z`), now)).toBe(seconds);
  });

  test.each([
    ["12:00:00", 0],
    ["11:59:59", 1],
    ["10:00:00", 2],
    ["12:01:00", 0],
    ["13:00:00", undefined],
  ])("at %s: %p hours begun", (time, hours) => {
    expect(hoursSince(new Date(`2026-06-01T${time}Z`), now)).toBe(hours);
  });
});
