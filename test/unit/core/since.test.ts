import { expect, test } from "bun:test";
import { parseSince } from "../../../src/core/since.ts";

const NOW = new Date("2026-01-15T12:00:00Z");

test.each([
  ["90s", "2026-01-15T11:58:30Z"],
  ["15m", "2026-01-15T11:45:00Z"],
  ["2h", "2026-01-15T10:00:00Z"],
  ["7d", "2026-01-08T12:00:00Z"],
  ["0s", "2026-01-15T12:00:00Z"],
  ["2025-12-31", "2025-12-31T00:00:00Z"],
  ["2025-12-31T23:59Z", "2025-12-31T23:59:00Z"],
  ["2025-12-31T23:59:58Z", "2025-12-31T23:59:58Z"],
])("%s", (text, time) => {
  expect(parseSince(text, NOW)).toEqual(new Date(time));
});

test.each([
  "",
  "2",
  "h",
  "-2h",
  "2w",
  "1.5h",
  "2 h",
  "9999999d",
  "2025-13-01",
  "2025-12-31Z",
  "2025-12-31T23:59",
  "yesterday",
])("not %p", (text) => {
  expect(parseSince(text, NOW)).toBeUndefined();
});
