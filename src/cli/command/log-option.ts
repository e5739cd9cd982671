/** The value of `--log`. */
import { existsSync } from "node:fs";
import { CtrlExecError } from "../../core/errors.ts";
import type { Log } from "../../core/log-line.ts";
import { type LogDestination, openLog, SYSTEM_LOG } from "../../system/log/syslog.ts";
import { callers } from "./callers.ts";
import { rightsAreLent } from "./lent-rights.ts";

/**
 * With lent rights each line says who called, in BY: USER and the owner of the process are root then.
 *
 * @param tag `ctrl-exec` or `ctrl-exec-agent`
 * @throws CtrlExecError `usage`
 */
export function openChosenLog(tag: string, value: string | undefined): Log {
  const log = openLogs(tag, value);
  const { names: BY } = callers();
  if (BY === undefined) return log;
  return (level, action, fields) => log(level, action, { ...fields, BY });
}

function openLogs(tag: string, value: string | undefined): Log {
  const chosen = logDestinations(value, rightsAreLent());
  // Where there is no syslog, its lines would only stand on stderr once more.
  const there = chosen.filter(
    (destination) => destination !== SYSTEM_LOG || existsSync(SYSTEM_LOG),
  );
  const [first = SYSTEM_LOG, ...others] = there;
  const log = openLog(tag, first);
  if (others.length === 0) return log;
  const logs = [log, ...others.map((destination) => openLog(tag, destination))];
  return (...line) => {
    for (const each of logs) each(...line);
  };
}

/**
 * Where the lines go. Whom sudo lets run this does not choose to go unlogged: syslog has them as well.
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
