/** A moment in the past, as people type it. */
import { durationSeconds } from "./duration.ts";
import { parseIso } from "./time.ts";

/**
 * `90s`, `15m`, `2h` or `7d` before now, `2026-01-15` (its beginning, UTC), `2026-01-15T12:00Z`, or
 * `2026-01-15T12:00:00Z`; undefined for anything else.
 */
export function parseSince(text: string, now: Date): Date | undefined {
  const seconds = durationSeconds(text);
  if (seconds !== undefined) return new Date(now.getTime() - seconds * 1000);
  const [, day, minute = "T00:00"] = /^([\d-]{10})(?:(T\d\d:\d\d)Z)?$/.exec(text) ?? [];
  return parseIso(day === undefined ? text : `${day}${minute}:00Z`);
}
