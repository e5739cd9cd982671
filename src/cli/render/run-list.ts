/** The table of list-runs (docs/PROTOCOL.md, section 5). */
import type { ListedHost, ListedRun } from "../../controller/store/ports/runs.ts";
import { countOutcomes, outcomeOf } from "../../core/run-outcome.ts";
import { isoSeconds, parseIso } from "../../core/time.ts";
import { renderTable } from "./table.ts";

export function runsTable(runs: readonly ListedRun[]): string {
  const rows = runs.map(({ reqid, started, submitter, script, hosts }) => [
    reqid,
    shownTime(started),
    submitter,
    script,
    ...howItWent(hosts),
  ]);
  return renderTable(["REQID", "STARTED", "USER", "SCRIPT", "HOSTS", "RESULT"], rows);
}

/** If a record has something other than a time, it is shown as it is. */
function shownTime(started: string): string {
  const time = parseIso(started);
  return time === undefined ? started : isoSeconds(time);
}

/** HOSTS and RESULT: the only host's name or how many there are, and how it went: `ok`, `1 failed, 2 ok`. */
export function howItWent(hosts: readonly ListedHost[]): readonly [string, string] {
  const outcomes = hosts.map(outcomeOf);
  const counts = countOutcomes(outcomes).toReversed();
  const [only] = hosts;
  const shown = hosts.length === 1 && only !== undefined ? only.host : `${hosts.length} hosts`;
  const [first] = counts;
  if (counts.length === 1 && first !== undefined) return [shown, first[0]];
  return [shown, counts.map(([word, count]) => `${count} ${word}`).join(", ")];
}
