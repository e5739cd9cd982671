/** The value of `--log`. */
import { existsSync } from "node:fs";
import { CtrlExecError } from "../core/errors.ts";
import type { Log } from "../core/log-line.ts";
import { type LogDestination, openLog, SYSTEM_LOG } from "../system/syslog.ts";

/** @param tag `ctrl-exec` or `ctrl-exec-agent` @throws CtrlExecError `usage` */
export function openChosenLog(tag: string, value: string | undefined): Log {
  const chosen = logDestinations(value, process.env.SUDO_UID);
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
 * @param sudoUser the id of the user whom sudo let in; undefined when it was not sudo
 * @throws CtrlExecError `usage`
 */
export function logDestinations(
  value: string | undefined,
  sudoUser: string | undefined,
): readonly LogDestination[] {
  const chosen = logDestination(value);
  const watched = sudoUser !== undefined && sudoUser !== "0" && chosen !== SYSTEM_LOG;
  return watched ? [chosen, SYSTEM_LOG] : [chosen];
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
