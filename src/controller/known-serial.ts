/** Which of the controller's serials each agent trusts, as its answers show it. */
import { messageOf } from "../core/errors.ts";
import { readSerialLine, type Serial } from "../core/serial.ts";
import { isoSeconds } from "../core/time.ts";
import type { Controller } from "./controller.ts";
import { type AgentRecord, changeAgents } from "./registry.ts";

/** What a host's answer says about the serials it trusts. */
export interface Acceptance {
  readonly record: AgentRecord | undefined;
  /** The serial under which it took a request; undefined when it took none. */
  readonly serial: Serial | undefined;
  /** Whether it refused every serial that it was asked under. */
  readonly refused: boolean;
}

/**
 * Brings records in line with what agents accepted: one that takes the serial in force has confirmed
 * it, one that takes an earlier one is still to be told, and one that refuses the serial that its record
 * says it knows, as a host does that was put back from a backup, knows it no more. Best effort: the
 * next request finds out again.
 */
export async function rememberSerials(
  { config, log, now }: Controller,
  current: Serial,
  accepted: readonly Acceptance[],
): Promise<void> {
  const learned = new Map<string, Serial | "">();
  for (const { record, serial, refused } of accepted) {
    const known = serial ?? (refused ? "" : undefined);
    if (record === undefined || known === undefined) continue;
    if (isNews(record, known, current)) learned.set(record.hostname, known);
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

/** @param accepted "" for none: news only of one that was known to take the serial in force */
function isNews(record: AgentRecord, accepted: Serial | "", current: Serial): boolean {
  const known = readSerialLine(record.dispatcher_serial);
  if (accepted === "") return known === current;
  const status = accepted === current ? "current" : "pending";
  return known !== accepted || record.serial_status !== status;
}
