/** How to come back to a run that may go on without this command, or that is in the way, and how to end it. */
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import { runsAlreadyAs } from "../../core/refusal-steps.ts";
import type { RunResult } from "../../core/run-result.ts";

/**
 * @param recorded whether there is a record, without which one cannot come back
 * @param isLeft nobody waits for any of its hosts
 */
export function wayBack(
  reqid: string,
  results: readonly RunResult[],
  own: OwnSetting,
  recorded: boolean,
  isLeft = false,
): string | undefined {
  const others = new Set(results.flatMap(({ error = "" }) => runsAlreadyAs(error) ?? []));
  const lines = [...others].flatMap((other) => [
    `Run ${other} is in the way.`,
    // The wait for a lost run ends at once, and what is left of it is in the way all the same.
    ...commandsFor(other, own, "To end it, also if it is lost"),
  ]);
  if (recorded && results.some((result) => mayGoOn(result, isLeft))) {
    // If both are possible, each says which run its commands are for.
    lines.push(
      ...(others.size === 0 ? [] : [`Run ${reqid} may go on.`]),
      ...commandsFor(reqid, own),
    );
  }
  return lines.length === 0 ? undefined : lines.join("\n");
}

function commandsFor(reqid: string, own: OwnSetting, toEnd = "To end it"): string[] {
  const command = (mode: string) => `ctrl-exec ${mode} ${reqid}${configArgument(own.file)}`;
  return [
    `To wait for it: ${command("wait")}`,
    `Its output: ${command("logs")}`,
    `${toEnd}: ${command("cancel")}`,
  ];
}

/** A detached run is under way without an error. */
function mayGoOn({ state, error }: RunResult, isLeft: boolean): boolean {
  return state === "unknown" || (state === "running" && (isLeft || error !== undefined));
}
