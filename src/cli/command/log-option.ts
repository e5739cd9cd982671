/** The value of `--log`. */
import { existsSync } from "node:fs";
import { CtrlExecError } from "../../core/errors.ts";
import type { EventFrom, Program, Sink } from "../../core/events.ts";
import { type LogDestination, openLog, SYSTEM_LOG } from "../../system/log/syslog.ts";
import { callers } from "./callers.ts";
import { rightsAreLent } from "./lent-rights.ts";

/**
 * Under sudo and the like, each line names the caller in BY: USER and the owner of the process are then root.
 *
 * @throws CtrlExecError `usage`
 */
export function openChosenLog<Of extends Program>(
  program: Of,
  value: string | undefined,
): Sink<EventFrom<Of>> {
  const log = openLogs(program, value);
  const { names: by } = callers();
  return by === undefined ? log : (event) => log({ ...event, by });
}

function openLogs<Of extends Program>(program: Of, value: string | undefined): Sink<EventFrom<Of>> {
  const chosen = logDestinations(value, rightsAreLent());
  // Without a syslog, its lines would only appear on stderr twice.
  const there = chosen.filter(
    (destination) => destination !== SYSTEM_LOG || existsSync(SYSTEM_LOG),
  );
  const [first = SYSTEM_LOG, ...others] = there;
  const log = openLog(program, first);
  if (others.length === 0) return log;
  const logs = [log, ...others.map((destination) => openLog(program, destination))];
  return (event) => {
    for (const each of logs) each(event);
  };
}

/**
 * Where the lines go. A caller under sudo cannot choose to go unlogged: syslog gets them as well.
 *
 * @param lent whether the caller uses rights that are not its own
 * @throws CtrlExecError `usage`
 */
export function logDestinations(
  value: string | undefined,
  lent: boolean,
): readonly LogDestination[] {
  const chosen = logDestination(value);
  return lent && chosen !== SYSTEM_LOG ? [chosen, SYSTEM_LOG] : [chosen];
}

function logDestination(value: string | undefined): LogDestination {
  if (value === undefined || value === "syslog") return SYSTEM_LOG;
  if (value === "stderr") return "stderr";
  if (value.startsWith("/")) return `/${value.slice(1)}`;
  throw new CtrlExecError(
    "usage",
    `--log takes syslog, stderr or an absolute path, not "${value}"`,
  );
}
