/** The table of list-runs (docs/PROTOCOL.md, section 5). */
import type { ShownRun } from "../../controller/runs/list-runs.ts";
import type { ListedHost } from "../../controller/store/ports/runs.ts";
import { outcomeOf, RUN_OUTCOMES } from "../../core/run-outcome.ts";
import { isoMinutes, parseIso } from "../../core/time.ts";
import { type TableScreen, tableFor } from "./table.ts";

export function runsTable(io: TableScreen, runs: readonly ShownRun[]): string {
  const rows = runs.map(({ reqid, started, submitter, script, hosts, ...run }) => {
    const [which, result] = howItWent(hosts);
    const hands = [
      run.paused && "paused",
      run.waits_for_api && "waits for ctrl-exec-api",
      run.waits_for_token && "waits for its token",
      run.check_of && `check of ${run.check_of}`,
    ];
    const whole = [result, ...hands].filter(Boolean).join(", ");
    return [reqid, shownTime(started), submitter, script, which, whole];
  });
  return tableFor(io, ["REQID", "STARTED", "USER", "SCRIPT", "HOSTS", "RESULT"], rows);
}

/** If a record has something other than a time, it is shown as it is. */
function shownTime(started: string): string {
  const time = parseIso(started);
  return time === undefined ? started : isoMinutes(time);
}

/**
 * HOSTS and RESULT: the only host's name, or how many there are, and `ok`; or `2/4` and `failed, never-ran`, which
 * holds for that many of them.
 */
export function howItWent(hosts: readonly ListedHost[]): readonly [string, string] {
  const outcomes = hosts.map(outcomeOf);
  const others = RUN_OUTCOMES.filter((word) => word !== "ok" && outcomes.includes(word));
  const result = others.length === 0 && hosts.length > 0 ? "ok" : others.join(", ");
  const [only] = hosts;
  if (hosts.length === 1 && only !== undefined) return [only.host, result];
  const count = outcomes.filter((word) => word !== "ok").length;
  return [count === 0 ? `${hosts.length} hosts` : `${count}/${hosts.length}`, result];
}
