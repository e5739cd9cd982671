/** Lengths of time as people and programs type them: one notation, on the command line and in the API. */

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Used in a sentence that says what is expected. */
export const DURATION_FORMS = "90s, 15m, 2h or 7d";

/** The longest time that may be typed where a timer waits for it. */
export const MAX_TYPED_SECONDS = 2_000_000;

/** `90s`, `15m`, `2h` or `30d` in seconds; undefined for anything else. */
export function durationSeconds(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * SECONDS[unit as keyof typeof SECONDS];
}

/** The same, or a number of seconds alone: `90`. */
export function typedSeconds(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : durationSeconds(text);
}
