/** A run's id, as people type it or copy it from a screen, and what to do when it leads nowhere. */
import {
  configArgument,
  DEFAULT_CONTROLLER_CONFIG,
  type OwnSetting,
} from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { isRequestId } from "../../core/request-id.ts";

const MOST_SHOWN = 64;

/**
 * In any letter case, and with the `req:` of a header.
 *
 * @param form of the command: `cancel <reqid> [<host>...]`
 * @param config as it was typed
 * @throws CtrlExecError `usage`
 */
export function runIdArgument(typed: string, form: string, config: string | undefined): string {
  const reqid = typed.toLowerCase().replace(/^req:/, "");
  if (isRequestId(reqid)) return reqid;
  const problem = `"${typed.slice(0, MOST_SHOWN)}": a run's id is 16 hex digits`;
  throw new CtrlExecError("usage", `Cannot find run ${problem}, and comes first: ${form}`, {
    hint: `See: ctrl-exec list-runs${configArgument(config ?? DEFAULT_CONTROLLER_CONFIG)}`,
  });
}

/** Adds to "no such run" how to find the one that is meant. */
export async function foundRun<Found>(finding: Promise<Found>, own: OwnSetting): Promise<Found> {
  try {
    return await finding;
  } catch (thrown) {
    const isUnfound = thrown instanceof CtrlExecError && thrown.code === "not-found";
    if (!isUnfound || thrown.hint !== undefined) throw thrown;
    const hint = `See: ctrl-exec list-runs${configArgument(own.file)}`;
    throw new CtrlExecError(thrown.code, thrown.message, { hint, cause: thrown });
  }
}
