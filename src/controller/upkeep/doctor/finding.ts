/** What `doctor` says about one thing that it has checked. */
import { attempt, type Check, failed } from "../../../core/check.ts";
import { CtrlExecError } from "../../../core/errors.ts";

export interface Finding extends Check {
  /** Whether the fault is in this host's configuration, a key or certificate, or in who may read or write them. */
  readonly misconfigured?: boolean;
  /**
   * Does what is safe about it, and says what was done; undefined if there was nothing left to do. Everything is done
   * under the lock of those who write there, in steps each of which leaves a working host.
   */
  readonly mend?: () => Promise<string | undefined>;
}

export function passed(name: string, detail: string): Finding {
  return { name, ok: true, detail };
}

/**
 * The check of a group that could not be made at all; a user who may not read counts as misconfigured. @param remedy
 * for a fault that has no remedy of its own
 */
export function notLooked(name: string, thrown: unknown, remedy?: string): Finding {
  const isConfig = thrown instanceof CtrlExecError && thrown.code === "config";
  return { ...failed(name, thrown, remedy), ...(isConfig ? { misconfigured: true } : {}) };
}

/** What a group finds, or why it could not check: the other groups are checked all the same. */
export async function looked(
  name: string,
  look: () => Promise<readonly Finding[]> | readonly Finding[],
): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (thrown) {
    return [notLooked(name, thrown)];
  }
}

/** A check of keys, certificates and settings. */
export function ofSetting(name: string, check: () => Check): Finding {
  const found = attempt(name, check);
  return found.ok ? found : { ...found, misconfigured: true };
}
