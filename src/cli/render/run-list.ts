/** The table of list-runs (docs/PROTOCOL.md, section 5). */
import type { ListedHost, ListedRun } from "../../controller/store/ports/runs.ts";
import { isoMinutes, parseIso } from "../../core/time.ts";
import { renderTable } from "./table.ts";

export function runsTable(runs: readonly ListedRun[]): string {
  const rows = runs.map(({ reqid, started, submitter, script, hosts }) => [
    reqid,
    shownTime(started),
    submitter,
    script,
    hostsCell(hosts),
    howItWent(hosts),
  ]);
  return renderTable(["REQID", "STARTED", "USER", "SCRIPT", "HOSTS", "RESULT"], rows);
}

/** If a record has something other than a time, it is shown as it is. */
function shownTime(started: string): string {
  const time = parseIso(started);
  return time === undefined ? started : isoMinutes(time);
}

/** The only host's name, or how many there are. */
function hostsCell(hosts: readonly ListedHost[]): string {
  const [only] = hosts;
  return hosts.length === 1 && only !== undefined ? only.host : String(hosts.length);
}

/** In this order; words for which there is no host are left out. */
const OUTCOMES = ["running", "failed", "never-ran", "unknown", "ok"] as const;
type Outcome = (typeof OUTCOMES)[number];

/** `ok` or `running` for all hosts, or how many there are of each: `1 failed, 2 ok`. */
export function howItWent(hosts: readonly ListedHost[]): string {
  const counts = new Map<Outcome, number>();
  for (const host of hosts) counts.set(outcome(host), (counts.get(outcome(host)) ?? 0) + 1);
  const [only] = counts.keys();
  if (counts.size === 1 && only !== undefined) return only;
  const found = OUTCOMES.filter((word) => counts.has(word));
  return found.map((word) => `${counts.get(word)} ${word}`).join(", ");
}

function outcome({ state, exit }: ListedHost): Outcome {
  if (state !== "ended") return state;
  return exit === 0 ? "ok" : "failed";
}
