/** How to come back to a run that may go on without this command, and how to end it. */
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import type { RunResult } from "../../core/run-result.ts";

/** @param recorded whether there is a record, by which alone one can come back */
export function wayBack(
  reqid: string,
  results: readonly RunResult[],
  own: OwnSetting,
  recorded: boolean,
): string | undefined {
  if (!recorded || !results.some(mayGoOn)) return undefined;
  const command = (mode: string) => `ctrl-exec ${mode} ${reqid}${configArgument(own.file)}`;
  return [
    `To come back: ${command("wait")}`,
    `Its output: ${command("logs")}`,
    `To end it: ${command("cancel")}`,
  ].join("\n");
}

/** One that was let go of runs without an error. */
function mayGoOn({ state, error }: RunResult): boolean {
  return state === "unknown" || (state === "running" && error !== undefined);
}
