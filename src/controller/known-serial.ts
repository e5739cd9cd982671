/** Which of the controller's serials each agent trusts, as its answers show it. */
import { messageOf } from "../core/errors.ts";
import { readSerialLine, type Serial } from "../core/serial.ts";
import { isoSeconds } from "../core/time.ts";
import type { Controller } from "./controller.ts";
import { type AgentRecord, changeAgents } from "./registry.ts";

/** The serial under which a host took a request; undefined when it took none. */
export interface Acceptance {
  readonly record: AgentRecord | undefined;
  readonly serial: Serial | undefined;
}

/**
 * Brings records in line with what agents accepted: one that takes the serial in force has confirmed
 * it, one that takes an earlier one is still to be told. Best effort: the next request finds out again.
 */
export async function rememberSerials(
  { config, log, now }: Controller,
  current: Serial | undefined,
  accepted: readonly Acceptance[],
): Promise<void> {
  const learned = new Map<string, Serial>();
  for (const { record, serial } of accepted) {
    if (record === undefined || serial === undefined) continue;
    if (isNews(record, serial, current)) learned.set(record.hostname, serial);
  }
  if (learned.size === 0) return;
  try {
    await changeAgents(config, (record) => {
      const serial = learned.get(record.hostname);
      if (serial === undefined || !isNews(record, serial, current)) return undefined;
      if (serial !== current) {
        return { ...record, dispatcher_serial: serial, serial_status: "pending" };
      }
      log("info", "serial-confirmed", { AGENT: record.hostname });
      return {
        ...record,
        dispatcher_serial: serial,
        serial_status: "current",
        serial_confirmed: isoSeconds(now()),
      };
    });
  } catch (thrown) {
    log("warning", "config-warn", { KEY: "state_dir", MSG: messageOf(thrown) });
  }
}

function isNews(record: AgentRecord, accepted: Serial, current: Serial | undefined): boolean {
  const status = accepted === current ? "current" : "pending";
  return readSerialLine(record.dispatcher_serial) !== accepted || record.serial_status !== status;
}
