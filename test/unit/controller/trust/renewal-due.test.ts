import { expect, test } from "bun:test";
import fc from "fast-check";
import { renewalTime } from "../../../../src/controller/trust/renewal-due.ts";
import { addDays } from "../../../../src/core/time.ts";

const ISSUED = new Date("2026-01-01T00:00:00Z");
const EXPIRES = addDays(ISSUED, 360);

test("a certificate is due between a third and a quarter of its life before the end", () => {
  fc.assert(
    fc.property(fc.domain(), (hostname) => {
      const due = renewalTime({ hostname, issued: ISSUED, expires: EXPIRES });
      expect(due >= addDays(ISSUED, 240)).toBe(true);
      expect(due < addDays(ISSUED, 270)).toBe(true);
    }),
  );
});

test("a host has one moment, however its name is spelt", () => {
  const life = { issued: ISSUED, expires: EXPIRES };
  const due = renewalTime({ ...life, hostname: "web-01.example" });
  expect(renewalTime({ ...life, hostname: "WEB-01.Example" })).toEqual(due);
});

test("a fleet paired on one day is spread over the month", () => {
  const perDay = new Map<string, number>();
  for (let number = 0; number < 3000; number++) {
    const due = renewalTime({ hostname: `host-${number}`, issued: ISSUED, expires: EXPIRES });
    const day = due.toISOString().slice(0, 10);
    perDay.set(day, (perDay.get(day) ?? 0) + 1);
  }
  expect(perDay.size).toBe(30);
  expect(Math.max(...perDay.values())).toBeLessThan(200);
});
