/** How a caller of the API comes back to a run, or to one that is in the way, and how to end it. */
import { runsAlreadyAs } from "../core/refusal-steps.ts";
import type { RunResult } from "../core/run-result.ts";

/** @param recorded whether there is a record, by which alone one can come back */
export function wayBack(
  reqid: string,
  results: readonly RunResult[],
  recorded: boolean,
): string | undefined {
  const others = new Set(results.flatMap(({ error = "" }) => runsAlreadyAs(error) ?? []));
  const goesOn = results.some(({ state }) => state === "running" || state === "unknown");
  const lines = [...(others.size === 0 ? [] : [runsInTheWay([...others])])];
  if (recorded && goesOn) {
    lines.push(
      `Ask again with GET /status/${reqid}, or follow it with GET /runs/${reqid}/events; end it with POST /runs/${reqid}/cancel.`,
    );
  }
  return lines.length === 0 ? undefined : lines.join(" ");
}

/** If there are many runs, naming more of them would not help. */
const MOST_NAMED = 3;

/** @param runs their ids; none if they were not written down */
export function runsInTheWay(runs: readonly string[]): string {
  const named = runs.slice(0, MOST_NAMED).map(inTheWay);
  const more = runs.length > MOST_NAMED ? [`So are ${runs.length - MOST_NAMED} more.`] : [];
  return named.length === 0 ? "GET /runs lists the runs." : [...named, ...more].join(" ");
}

function inTheWay(reqid: string): string {
  return `Run ${reqid} is in the way: see GET /status/${reqid}, or end it with POST /runs/${reqid}/cancel.`;
}
