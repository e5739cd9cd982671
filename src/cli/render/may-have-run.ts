/** Hosts where it is unknown whether the script ran, named once below the results. */
import { namedHosts } from "../../core/hosts/fold.ts";
import type { RunResult } from "../../core/run-result.ts";
import { screenLine } from "../../core/text.ts";

/** For stderr, with how to find out; empty if it is known for every host. */
export function mayHaveRun(results: readonly RunResult[]): string {
  const unknown = results.filter(({ state }) => state === "unknown");
  const [first] = unknown;
  if (first === undefined) return "";
  const { script, reqid } = first;
  const hosts = namedHosts(unknown.map(({ host }) => host));
  return [
    screenLine`ctrl-exec: Cannot tell whether ${script} ran on ${hosts}: no result came\n`,
    screenLine`Before you run it there again, look for REQID=${reqid} in the agent's log. ACTION=run: it has ended, with that EXIT, or ERROR says more. ACTION=deny: it never ran. Neither: it may still be running.\n`,
  ].join("");
}
