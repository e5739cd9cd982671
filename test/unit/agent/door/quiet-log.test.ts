import { expect, test } from "bun:test";
import { QuietLog } from "../../../../src/agent/door/quiet-log.ts";

test("T21 a kind of line comes once a minute, then with how many there were", () => {
  const lines: unknown[] = [];
  const quiet = new QuietLog((_, action, fields) => lines.push([action, fields?.COUNT]));
  const event = (kind: string, now: number) => quiet.event(kind, now, "warning", kind, {});
  event("a", 0);
  event("a", 1);
  event("b", 2);
  event("a", 59_999);
  event("a", 60_000);
  event("a", 120_000);
  expect(lines).toEqual([
    ["a", undefined],
    ["b", undefined],
    ["a", 3],
    ["a", undefined],
  ]);
});

test("T21 it remembers a thousand kinds", () => {
  let lines = 0;
  const quiet = new QuietLog(() => {
    lines += 1;
  });
  for (let n = 0; n <= 1000; n++) quiet.event(`kind ${n}`, 0, "info", "x", {});
  expect(lines).toBe(1001);
  quiet.event("kind 1000", 1, "info", "x", {});
  expect(lines).toBe(1001);
  quiet.event("kind 0", 1, "info", "x", {});
  expect(lines).toBe(1002);
});
