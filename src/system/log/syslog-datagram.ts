/** A log line in the form that a syslog daemon takes from a local program. */
import { MONTHS } from "../../core/time.ts";
import { libc } from "../libc.ts";

/** The local form of RFC 3164. @param priority facility and severity in one */
export function syslogDatagram(priority: number, now: Date, message: string): Uint8Array {
  return Buffer.from(`<${priority}>${localTimestamp(now)} ${message}`, "utf8");
}

/** The fields of C's struct tm that are used: seconds, minutes, hours, day, month. */
const TM_FIELDS = 5;
const TM_BYTES = 64;

/** `Nov  3 09:05:00`, local time, as syslog daemons expect it from local programs. */
function localTimestamp(now: Date): string {
  const clock = new BigInt64Array([BigInt(Math.floor(now.getTime() / 1000))]);
  const tm = new Int32Array(TM_BYTES / Int32Array.BYTES_PER_ELEMENT);
  libc().localtime_r(clock, tm);
  const [second = 0, minute = 0, hour = 0, day = 1, month = 0] = tm.subarray(0, TM_FIELDS);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${MONTHS[month]} ${String(day).padStart(2, " ")} ${[hour, minute, second].map(two).join(":")}`;
}
