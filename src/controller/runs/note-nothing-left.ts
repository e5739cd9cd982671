/**
 * Records that nothing of a run is left on hosts where its end was not seen, or where something could not be ended.
 */
import { changeError, type RunResult } from "../../core/run-result.ts";
import { isoSeconds } from "../../core/time.ts";
import { openReplies, type RunReader } from "../control-host.ts";

const MAY_RUN = /: it may still run$/;
const SAID = "; nothing of it ran any more at ";

/**
 * Some of it may still be running, although nobody waits for it: if it was ended, the error says what could not be.
 */
export function mayHaveLeft({ state, cancelled, timed_out, error }: RunResult): boolean {
  return state === "lost" || ((cancelled || timed_out) === true && error !== undefined);
}

/** @param hosts whose agents have just checked */
export async function noteNothingLeft(
  controller: RunReader,
  reqid: string,
  hosts: readonly string[],
): Promise<void> {
  if (hosts.length === 0) return;
  using account = openReplies(controller);
  const report = await controller.store.runs.read(reqid, account);
  const at = isoSeconds(controller.now());
  const over = (report?.results ?? [])
    .filter((result) => hosts.includes(result.host) && mayHaveLeft(result))
    .filter(({ error }) => !error?.includes(SAID))
    .map((result) => changeError(result, (error) => error.replace(MAY_RUN, "") + SAID + at));
  if (over.length > 0) await controller.store.runs.amend(reqid, over, account);
}
