/** The table of list-runs (docs/PROTOCOL.md, section 5). */
import type { ListedHost, ListedRun } from "../../controller/store/ports/runs.ts";
import { outcomeOf, RUN_OUTCOMES } from "../../core/run-outcome.ts";
import { isoMinutes, parseIso } from "../../core/time.ts";
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
  return time === undefined ? started : isoMinutes(time);
}

/** HOSTS and RESULT: the only host's name, or how many of the hosts the result is true of: `1/3` and `failed`. */
export function howItWent(hosts: readonly ListedHost[]): readonly [string, string] {
  const outcomes = hosts.map(outcomeOf);
  const result = RUN_OUTCOMES.find((word) => outcomes.includes(word)) ?? "";
  const [only] = hosts;
  if (hosts.length === 1 && only !== undefined) return [only.host, result];
  return [`${outcomes.filter((word) => word === result).length}/${hosts.length}`, result];
}
