/** Which hosts of a run have not ended, by what is known of them. */
import { namedHosts } from "../../core/hosts/fold.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";

/** `running: web-01,web-02`, `no answer yet: db-01` */
export function pendingStates({ pending, results }: RunReportSoFar): string[] {
  const known = new Map(results.map(({ host, state }) => [host, state]));
  const byState = Map.groupBy(pending, (host) => known.get(host) ?? "no answer yet");
  return [...byState].map(([state, hosts]) => `${state}: ${namedHosts(hosts)}`);
}

/** Those that wait for their batch are not said to run: `Still running (or not answered): web-01; queued: web-02`. */
export function stillOut({ pending, results }: RunReportSoFar): string {
  const queued = new Set(results.flatMap(({ host, state }) => (state === "queued" ? [host] : [])));
  const out = pending.filter((host) => !queued.has(host));
  const waiting = pending.filter((host) => queued.has(host));
  const parts = [
    ["Still running (or not answered)", out],
    [out.length > 0 ? "queued" : "Queued", waiting],
  ] as const;
  return parts
    .filter(([, hosts]) => hosts.length > 0)
    .map(([word, hosts]) => `${word}: ${namedHosts(hosts)}`)
    .join("; ");
}
