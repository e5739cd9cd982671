/** The datagram socket of a syslog daemon, which may be missing, be started anew, or hang. */
import { MONTHS } from "../core/time.ts";
import { libc } from "./libc.ts";
import { connectDatagram } from "./local-datagram.ts";

const MSG_DONTWAIT = process.platform === "darwin" ? 0x80 : 0x40;

export class LogSocket {
  readonly #path: string;
  #descriptor = -1;

  constructor(path: string) {
    this.#path = path;
  }

  /** Never waits: `busy` says that the daemon's queue, often of 10 lines, is full. */
  send(bytes: Uint8Array): "sent" | "busy" | "unreachable" {
    if (this.#descriptor >= 0 && this.#sendOnce(bytes)) return "sent";
    // A restarted daemon has a new socket under the same name.
    this.#reconnect();
    if (this.#descriptor < 0) return "unreachable";
    return this.#sendOnce(bytes) ? "sent" : "busy";
  }

  #sendOnce(bytes: Uint8Array): boolean {
    const length = BigInt(bytes.length);
    return Number(libc().send(this.#descriptor, bytes, length, MSG_DONTWAIT)) === bytes.length;
  }

  #reconnect(): void {
    if (this.#descriptor >= 0) libc().close(this.#descriptor);
    this.#descriptor = connectDatagram(this.#path);
  }
}

/** One line in the local form of RFC 3164. */
export function syslogDatagram(priority: number, now: Date, message: string): Uint8Array {
  return Buffer.from(`<${priority}>${localTimestamp(now)} ${message}`, "utf8");
}

/** Fields of C's struct tm, as far as they are used: seconds, minutes, hours, day, month. */
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
