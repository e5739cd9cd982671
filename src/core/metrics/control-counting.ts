/** How each event of the control host and its API is counted. */
import type { ControlEvent } from "../events.ts";
import { CONTROL_METRICS as M } from "./control-metrics.ts";
import { type Counting, countEvent } from "./counting.ts";
import { Tally, type TallyOptions } from "./tally.ts";

/** For all metrics of the control host that count events. */
export function controlTally(options: Omit<TallyOptions, "metrics">): Tally {
  return new Tally({ ...options, metrics: Object.values(M) });
}

export function countControlEvent(event: ControlEvent, tally: Tally): void {
  countEvent(CONTROL_COUNTING, event, tally);
}

const CONTROL_COUNTING: Counting<ControlEvent> = {
  dispatch: ({ script, batch }, tally) => {
    if (batch === undefined) tally.add(M.runs, { script });
  },
  "dry-run": (_, tally) => tally.add(M.dryRuns, {}),
  run: (event, tally) => {
    // The time first: it gives the script its label.
    countTime(event, tally);
    countResult(event, event.exit === 0 ? "ok" : "failed", tally);
  },
  "run-fail": (event, tally) => {
    const { fault, state } = event;
    const hasEnded = state === "ended";
    if (hasEnded) countTime(event, tally);
    countResult(event, hasEnded ? "failed" : state, tally);
    if (fault !== undefined) tally.add(M.callFailures, { during: "run", reason: fault });
  },
  "rollout-stop": ({ script, count }, tally) => {
    tally.add(M.rolloutsStopped, {});
    if (count > 0) countOutcome(script, "not-started", count, tally);
  },
  upgrade: ({ from, release }, tally) =>
    tally.add(M.hostUpgrades, { outcome: from === release ? "current" : "upgraded" }),
  "upgrade-fail": ({ status }, tally) => tally.add(M.hostUpgrades, { outcome: String(status) }),
  "upgrade-stop": ({ count }, tally) =>
    tally.add(M.hostUpgrades, { outcome: "not-started" }, count),
  ping: (_, tally) => tally.add(M.pings, { result: "ok" }),
  "ping-fail": ({ fault }, tally) => {
    tally.add(M.pings, { result: "failed" });
    if (fault !== undefined) tally.add(M.callFailures, { during: "ping", reason: fault });
  },
  "capabilities-fail": ({ fault }, tally) => {
    if (fault !== undefined) tally.add(M.callFailures, { during: "discovery", reason: fault });
  },
  "lock-conflict": (_, tally) => tally.add(M.lockConflicts, {}),
  "auth-pass": countDecision,
  "auth-deny": countDecision,
  "auth-error": countDecision,
  "run-store-fail": (_, tally) => tally.add(M.recordFailures, {}),
  "run-purge": ({ count }, tally) => tally.add(M.recordsPurged, {}, count),
  "pair-request": (_, tally) => tally.add(M.pairings, { result: "asked" }),
  "pair-approve": (_, tally) => tally.add(M.pairings, { result: "approved" }),
  "pair-deny": (_, tally) => tally.add(M.pairings, { result: "denied" }),
  "pair-reject": (_, tally) => tally.add(M.pairings, { result: "rejected" }),
  "pair-reject-flood": (_, tally) => tally.add(M.pairings, { result: "rejected" }),
  "pair-reject-fault": (_, tally) => tally.add(M.pairings, { result: "rejected" }),
  "pair-evict": (_, tally) => tally.add(M.pairings, { result: "pushed-out" }),
  join: (_, tally) => tally.add(M.joins, { result: "ok" }),
  "join-refuse": (_, tally) => tally.add(M.joins, { result: "refused" }),
  "renew-complete": (_, tally) => tally.add(M.renewals, { result: "ok" }),
  "renew-fail": (_, tally) => tally.add(M.renewals, { result: "failed" }),
  "renew-complete-fail": (_, tally) => tally.add(M.renewals, { result: "failed" }),
  "cert-rotated": (_, tally) => tally.add(M.rotations, { result: "ok" }),
  "cert-rotation-fail": (_, tally) => tally.add(M.rotations, { result: "failed" }),
  "serial-broadcast-fail": (_, tally) => tally.add(M.maintenanceFailures, {}),
  "maintain-fail": (_, tally) => tally.add(M.maintenanceFailures, {}),
  "api-request": countAnswer,
  "api-request-unread": countAnswer,
  "api-error": (_, tally) => tally.add(M.apiErrors, {}),
  "tls-failure": (_, tally) => tally.add(M.apiTlsFailures, {}),
};

interface HostEvent {
  readonly script: string;
  readonly rtt?: number | undefined;
  readonly dropped?: number | undefined;
}

function countResult({ script, dropped }: HostEvent, outcome: string, tally: Tally): void {
  countOutcome(script, outcome, 1, tally);
  if (dropped !== undefined) tally.add(M.outputDropped, {}, dropped);
}

function countOutcome(script: string, outcome: string, count: number, tally: Tally): void {
  tally.add(M.hostResults, { outcome }, count);
  tally.add(M.hostRuns, { script, outcome }, count);
}

function countTime({ script, rtt }: HostEvent, tally: Tally): void {
  if (rtt !== undefined) tally.observe(M.hostRunDuration, { script }, rtt / 1000);
}

function countDecision(
  { authaction, result }: { readonly authaction: string; readonly result: string },
  tally: Tally,
): void {
  tally.add(M.authorizations, { action: authaction, result });
}

function countAnswer(
  { method, status }: { readonly method: string; readonly status: number | string },
  tally: Tally,
): void {
  tally.add(M.apiRequests, { method, status: `${String(status).charAt(0)}xx` });
}
