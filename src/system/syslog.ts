/**
 * The log: a datagram to /dev/log (RFC 3164 local form, facility daemon), or a line on stderr when
 * there is no such socket. An unreachable log never stops the work.
 */
import { formatLogLine, type Log, type LogFields, type LogLevel } from "../core/log-line.ts";
import { MONTHS } from "../core/time.ts";
import { libc } from "./libc.ts";
import { connectDatagram } from "./local-datagram.ts";
import { writeStderr } from "./stderr.ts";

/** `stderr`, or the path of a datagram socket. */
export type LogDestination = "stderr" | `/${string}`;

export const SYSTEM_LOG = "/dev/log";

const FACILITY_DAEMON = 3;
const SEVERITY: Readonly<Record<LogLevel, number>> = { err: 3, warning: 4, info: 6 };

/** @param tag `ctrl-exec` or `ctrl-exec-agent` */
export function openLog(tag: string, destination: LogDestination): Log {
  const identity = `${tag}[${process.pid}]`;
  const socket = destination === "stderr" ? undefined : new LogSocket(destination);
  return (level: LogLevel, action: string, fields?: LogFields) => {
    const message = `${identity}: ${formatLogLine(action, fields)}`;
    const priority = FACILITY_DAEMON * 8 + SEVERITY[level];
    if (socket?.send(priority, message) !== true) writeStderr(`${message}\n`);
  };
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

const DARWIN = process.platform === "darwin";
const MSG_DONTWAIT = DARWIN ? 0x80 : 0x40;
const SOL_SOCKET = DARWIN ? 0xffff : 1;
const SO_SNDTIMEO = DARWIN ? 0x1005 : 21;

/** A burst fills the daemon's queue (often 10 lines) for a moment; a daemon that hangs gets no more. */
const BUSY_WAIT_MICROSECONDS = 200_000;

class LogSocket {
  readonly #path: string;
  #descriptor = -1;
  /** The last line did not go out: until one does, none is waited for. */
  #stuck = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Returns false when the line did not reach the socket. */
  send(priority: number, message: string): boolean {
    const bytes = Buffer.from(`<${priority}>${localTimestamp(new Date())} ${message}`, "utf8");
    if (this.#descriptor >= 0 && this.#sendOnce(bytes)) return true;
    // A restarted syslog daemon has a new socket under the same name.
    this.#reconnect();
    return this.#descriptor >= 0 && this.#sendOnce(bytes);
  }

  #sendOnce(bytes: Buffer): boolean {
    const flags = this.#stuck ? MSG_DONTWAIT : 0;
    const sent = libc().send(this.#descriptor, bytes, BigInt(bytes.length), flags);
    this.#stuck = Number(sent) !== bytes.length;
    return !this.#stuck;
  }

  #reconnect(): void {
    if (this.#descriptor >= 0) libc().close(this.#descriptor);
    this.#descriptor = -1;
    const descriptor = connectDatagram(this.#path);
    if (descriptor < 0) return;
    limitSendTime(descriptor);
    this.#descriptor = descriptor;
  }
}

function limitSendTime(descriptor: number): void {
  const seconds = 0n;
  const timeval = new BigInt64Array([seconds, BigInt(BUSY_WAIT_MICROSECONDS)]);
  libc().setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, timeval, timeval.byteLength);
}
