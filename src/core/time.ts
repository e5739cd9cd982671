/** Times as written in files, on the wire and on the screen. */

/** As named in certificates and syslog. */
export const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

const DAY_MS = 86_400_000;

/** ISO 8601 UTC with seconds: `2026-01-15T12:00:00Z`. */
export function isoSeconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** To the minute, where columns are scarce: `2026-01-15T12:00Z`. */
export function isoMinutes(time: Date): string {
  return `${time.toISOString().slice(0, 16)}Z`;
}

/** The day alone, UTC: `2026-01-15`. */
export function isoDay(time: Date): string {
  return time.toISOString().slice(0, 10);
}

/**
 * Reads what isoSeconds writes, also with fractions of a second; undefined if it is not one, or names a day or hour
 * that does not exist.
 */
export function parseIso(text: string): Date | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text)) return undefined;
  const time = new Date(text);
  const exists = !Number.isNaN(time.getTime()) && isoSeconds(time).startsWith(text.slice(0, 19));
  return exists ? time : undefined;
}

/** From one moment to another, as isoSeconds writes them: `42ms`, or nothing if one of them is not known. */
export function spanOf(started = "", ended = ""): string {
  const [from, to] = [parseIso(started), parseIso(ended)];
  return from === undefined || to === undefined ? "" : `${to.getTime() - from.getTime()}ms`;
}

/** OpenSSL's text form: `Jun  7 16:28:00 2027 GMT` (docs/PROTOCOL.md, "How values are written"). */
export function opensslTime(time: Date): string {
  const day = String(time.getUTCDate()).padStart(2, " ");
  const clock = time.toISOString().slice(11, 19);
  return `${MONTHS[time.getUTCMonth()]} ${day} ${clock} ${time.getUTCFullYear()} GMT`;
}

/** Reads OpenSSL's text form; undefined if it is not one, or names a day or hour that does not exist. */
export function parseOpensslTime(text: string): Date | undefined {
  const match = /^([A-Z][a-z]{2}) +(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (\d{4}) GMT$/.exec(
    text.trim(),
  );
  const month = MONTHS.indexOf(match?.[1] ?? "");
  if (match === null || month < 0) return undefined;
  const [day, hour, minute, second, year] = match.slice(2).map(Number);
  const time = new Date(Date.UTC(year ?? 0, month, day, hour, minute, second));
  const exists =
    time.getUTCFullYear() === year &&
    time.getUTCDate() === day &&
    time.getUTCHours() === hour &&
    time.getUTCMinutes() === minute;
  return exists ? time : undefined;
}

export function addDays(time: Date, days: number): Date {
  return new Date(time.getTime() + days * DAY_MS);
}

/** Whole days from one moment to another, rounded down; negative if the second is earlier. */
export function daysBetween(from: Date, to: Date): number {
  return Math.floor((to.getTime() - from.getTime()) / DAY_MS);
}

/** Reads a Date header in the form that is sent today (RFC 9110 section 5.6.7); undefined otherwise. */
export function parseHttpDate(text: string): Date | undefined {
  const match = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}:\d{2}:\d{2}) GMT$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, day, month, year, clock] = match;
  return parseOpensslTime(`${month} ${day} ${clock} ${year} GMT`);
}
