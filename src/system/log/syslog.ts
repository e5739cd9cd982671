/**
 * The log: a datagram to /dev/log (RFC 3164 local form, facility daemon), or a line on stderr when there is no
 * such socket. A log that nobody reads never stops the work (T66): its lines wait, within limits, and those
 * that are lost are counted and reported.
 */
import type { Level } from "../../core/events/entry.ts";
import {
  type CommonEvent,
  type EventFrom,
  lineLayouts,
  type Program,
  type Sink,
} from "../../core/events.ts";
import { formatLogLine } from "../../core/log-line.ts";
import { within } from "../deadline.ts";
import { beforeEnd } from "../ending.ts";
import { DatagramSender } from "./local-datagram.ts";
import { Outlet } from "./outlet.ts";
import { flushStderr, offerStderr } from "./stderr.ts";
import { syslogDatagram } from "./syslog-datagram.ts";

/** `stderr`, or the path of a datagram socket. */
export type LogDestination = "stderr" | `/${string}`;

export const SYSTEM_LOG = "/dev/log";

const FACILITY_DAEMON = 3;
const SEVERITY: Readonly<Record<Level, number>> = { err: 3, warning: 4, info: 6 };

/** @param program whose name is the tag of the lines */
export function openLog<Of extends Program>(
  program: Of,
  destination: LogDestination,
): Sink<EventFrom<Of>> {
  const identity = `${program}[${process.pid}]`;
  const layoutOf = lineLayouts(program);
  const deliver = destination === "stderr" ? onStderr : syslogDelivery(destination);
  let lost = 0;
  const write = (event: EventFrom<Of> | CommonEvent): boolean => {
    const { level, action, columns } = layoutOf(event.event);
    return deliver(level, `${identity}: ${formatLogLine(action, columns, event)}`);
  };
  const sayLost = () => {
    if (lost > 0 && write({ event: "log-lost", count: lost })) lost = 0;
  };
  return (event) => {
    sayLost();
    if (lost === 0 && write(event)) return;
    lost += 1;
    if (lost === 1) void flushStderr().then(sayLost);
  };
}

/** Returns false if the line is lost. */
type Deliver = (level: Level, message: string) => boolean;

const onStderr: Deliver = (_, message) => offerStderr(`${message}\n`);

interface Line {
  readonly level: Level;
  readonly message: string;
  readonly datagram: Uint8Array;
  readonly length: number;
}

/** A burst fills a daemon's queue for a moment; a daemon that hangs is not waited for. */
const BUSY_WAIT_MS = 200;

function syslogDelivery(path: string): Deliver {
  const daemon = new DatagramSender(path);
  const outlet = new Outlet<Line>(() => (line) => {
    const outcome = daemon.send(line.datagram);
    if (outcome === "busy") return line;
    return outcome === "sent" || onStderr(line.level, line.message) ? undefined : line;
  });
  beforeEnd(async () => {
    await within(BUSY_WAIT_MS, outlet.flush(), () => undefined);
    // The daemon still does not take these.
    for (const { level, message } of outlet.giveUp()) onStderr(level, message);
  });
  return (level, message) => {
    const priority = FACILITY_DAEMON * 8 + SEVERITY[level];
    const datagram = syslogDatagram(priority, new Date(), message);
    return (
      outlet.offer({ level, message, datagram, length: datagram.length }) ||
      onStderr(level, message)
    );
  };
}
