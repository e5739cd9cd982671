/** Only one process at a time changes certificates and serials: set-up, rotation, broadcast, renewal. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { parseIso } from "../../core/time.ts";
import { readTextIfPresent } from "../../system/files/files.ts";
import { type HeldLock, takeLock, tryLock } from "../../system/files/lock.ts";
import { lockPath, lockPathAsItIs } from "./lock-path.ts";

/** Undefined if another process holds it. */
export function tryLockMaintenance(config: ControllerConfig): HeldLock | undefined {
  return tryLock(lockPath(config, "maintenance"));
}

/**
 * As the last pass has written it into the file of its lock; undefined if none has. @throws CtrlExecError `config`
 */
export function lastMaintenance(config: ControllerConfig): Date | undefined {
  const file = lockPathAsItIs(config, "maintenance");
  return parseIso((readTextIfPresent(file) ?? "").trim());
}

/** A pass may wait for dead hosts; this is how long a person's command waits for the pass. */
const WAIT_MS = 60_000;

/** @throws CtrlExecError `busy` if another process still holds it after a minute */
export async function lockMaintenance(config: ControllerConfig): Promise<HeldLock> {
  try {
    return await takeLock(lockPath(config, "maintenance"), WAIT_MS);
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError) || thrown.code !== "busy") throw thrown;
    throw new CtrlExecError(
      "busy",
      "Cannot change certificates: the check loop or another command is at work on this host",
      {
        hint: "Nothing was changed. Try again in a while.",
        cause: thrown,
      },
    );
  }
}
