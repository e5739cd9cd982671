/** Which hosts of a run have not ended, by what is known of them. */
import { namedHosts } from "../../core/hosts/fold.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";

/** `running: web-01,web-02`, `no answer yet: db-01` */
export function pendingStates({ pending, results }: RunReportSoFar): string[] {
  const known = new Map(results.map(({ host, state }) => [host, state]));
  const byState = Map.groupBy(pending, (host) => known.get(host) ?? "no answer yet");
  return [...byState].map(([state, hosts]) => `${state}: ${namedHosts(hosts)}`);
}

/** The hosts that may be running it: those that wait for their batch are not. */
export function outOf({ pending, results }: RunReportSoFar): readonly string[] {
  const queued = new Set(results.flatMap(({ host, state }) => (state === "queued" ? [host] : [])));
  return pending.filter((host) => !queued.has(host));
}

/** `Still running (or not answered): web-01; queued: web-02` */
export function stillOut(run: RunReportSoFar): string {
  return outAndQueued(run, "Still running (or not answered): ");
}

/** @param what comes before the hosts that may be running it */
export function outAndQueued(run: RunReportSoFar, what: string): string {
  const out = outOf(run);
  const isOut = new Set(out);
  const waiting = run.pending.filter((host) => !isOut.has(host));
  const parts = [
    [what, out],
    [out.length > 0 ? "queued: " : "Queued: ", waiting],
  ] as const;
  return parts
    .filter(([, hosts]) => hosts.length > 0)
    .map(([words, hosts]) => `${words}${namedHosts(hosts)}`)
    .join("; ");
}
