/** The value of `--log`. */
import { CtrlExecError } from "../core/errors.ts";
import { type LogDestination, SYSTEM_LOG } from "../system/syslog.ts";

/** @throws CtrlExecError `usage` */
export function logDestination(value: string | undefined): LogDestination {
  if (value === undefined || value === "syslog") return SYSTEM_LOG;
  if (value === "stderr") return "stderr";
  if (value.startsWith("/")) return `/${value.slice(1)}`;
  throw new CtrlExecError(
    "usage",
    `--log takes syslog, stderr or an absolute path, not "${value}"`,
  );
}
