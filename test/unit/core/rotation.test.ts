import { describe, expect, test } from "bun:test";
import {
  lastsLonger,
  renewalThreshold,
  rotationDue,
  serialStatus,
} from "../../../src/core/rotation.ts";
import { addDays } from "../../../src/core/time.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const LATER = addDays(NOW, 1);
const EARLIER = addDays(NOW, -1);

describe("serialStatus", () => {
  const cases = [
    ["0a1", "current", undefined, "current"],
    ["a1", "stale", undefined, "current"],
    ["a1", "pending", LATER, "pending"],
    // A rotation whose records a crash kept from being marked.
    ["b2", "current", LATER, "pending"],
    ["b2", "current", EARLIER, "stale"],
    ["b2", "pending", EARLIER, "stale"],
    ["b2", "pending", NOW, "stale"],
    ["a1", "unknown", LATER, "current"],
    ["b2", "stale", LATER, "stale"],
    ["b2", "pending", undefined, "pending"],
    ["", "unknown", LATER, "unknown"],
    ["", "unknown", EARLIER, "unknown"],
    ["", "pending", EARLIER, "stale"],
  ] as const;
  for (const [dispatcher_serial, serial_status, overlapExpires, expected] of cases) {
    test(`"${dispatcher_serial}" ${serial_status}, overlap ${overlapExpires?.toISOString()} is ${expected}`, () => {
      const record = { dispatcher_serial, serial_status };
      expect(serialStatus(record, { current: "a1", overlapExpires }, NOW)).toBe(expected);
    });
  }
});

describe("rotationDue", () => {
  const policy = { cert_days: 365, cert_renewal_days: 90 };
  const ca = addDays(NOW, 3000);

  test("begins at cert_renewal_days before the end, and not a moment sooner", () => {
    const end = addDays(NOW, 90);
    expect(rotationDue(end, ca, policy, NOW)).toBe(true);
    expect(rotationDue(end, ca, policy, new Date(NOW.getTime() - 1))).toBe(false);
  });

  test("a threshold longer than the life does not rotate a certificate that was just made", () => {
    const short = { cert_days: 30, cert_renewal_days: 90 };
    expect(rotationDue(addDays(NOW, 30), ca, short, NOW)).toBe(false);
    expect(rotationDue(addDays(NOW, 10), ca, short, NOW)).toBe(true);
  });

  test.each([
    [365, 90, 90],
    [91, 90, 90],
    [90, 90, 30],
    [30, 90, 10],
  ])(
    "a certificate of %d days with a threshold of %d is replaced %d days before its end",
    (cert_days, cert_renewal_days, days) => {
      expect(renewalThreshold({ cert_days, cert_renewal_days })).toBe(days);
    },
  );

  test("a new one must last more than an hour longer", () => {
    const hour = (count: number) => new Date(addDays(NOW, 10).getTime() - count * 3_600_000);
    expect(lastsLonger(hour(1), ca, 10, NOW)).toBe(false);
    expect(lastsLonger(new Date(hour(1).getTime() - 1), ca, 10, NOW)).toBe(true);
    expect(lastsLonger(hour(1), hour(0), 3000, NOW)).toBe(false);
    expect(lastsLonger(hour(2), hour(0), 3000, NOW)).toBe(true);
  });

  test("the end of the CA does not rotate for ever", () => {
    const end = addDays(NOW, 20);
    expect(rotationDue(end, end, policy, NOW)).toBe(false);
    expect(rotationDue(end, addDays(end, 1), policy, NOW)).toBe(true);
  });
});
