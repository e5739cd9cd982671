/** A moment in the past, as people type it. */
import { parseIso } from "./time.ts";

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

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

/** `90s`, `15m`, `2h` or `30d` in seconds; undefined for anything else. */
export function durationSeconds(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * SECONDS[unit as keyof typeof SECONDS];
}
