/** What the control host counts: the command line and the API together (docs/METRICS.md shows it). */
import { FAULTS } from "../fault.ts";
import { HOOK_ACTIONS } from "../hook.ts";
import { UPGRADE_STATES } from "../release/upgrade-result.ts";
import { type Metric, metricMaker } from "./metric.ts";

/** Seconds: scripts take a moment, or hours. */
export const DURATIONS = [0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200];

export const RUN_OUTCOMES = [
  "ok",
  "failed",
  "never-ran",
  "unknown",
  "running",
  "lost",
  "not-started",
] as const;

export const HOOK_RESULTS = ["pass", "deny", "error"] as const;
/** Discovery asks with `ping`. */
const ACTIONS = HOOK_ACTIONS.filter((action) => action !== "discovery");
const DONE = ["ok", "failed"] as const;

const counter = metricMaker("ctrl_exec_", "counter");

export const CONTROL_METRICS = {
  runs: counter("runs", "Runs that were sent to their hosts.", { script: "script" }),
  hostResults: counter(
    "host_results",
    "Results of runs of all scripts. Each outcome is shown even while it is zero, so that its growth can be watched.",
    { outcome: RUN_OUTCOMES },
  ),
  hostRuns: counter("host_runs", "Results of runs, one for each host.", {
    script: "script",
    outcome: RUN_OUTCOMES,
  }),
  hostRunDuration: {
    name: "ctrl_exec_host_run_duration_seconds",
    type: "histogram",
    help: "Time from asking a host until the result of its script, for scripts that have ended.",
    labels: { script: "script" },
    buckets: DURATIONS,
  },
  dryRuns: counter("dry_runs", "Runs that were only shown and not started.", {}),
  lockConflicts: counter(
    "lock_conflicts",
    "Runs that were refused because the script was already running.",
    {},
  ),
  callFailures: counter("agent_call_failures", "Calls to agents that got no answer, by reason.", {
    during: ["run", "ping", "discovery"],
    reason: FAULTS,
  }),
  pings: counter("pings", "Hosts that were pinged.", { result: DONE }),
  authorizations: counter(
    "authorizations",
    "Decisions of the auth hook, or of the default if there is no hook.",
    {
      action: ACTIONS,
      result: HOOK_RESULTS,
    },
  ),
  outputDropped: counter(
    "output_dropped_bytes",
    "Bytes of scripts' output that were dropped, because they were more than an agent keeps or than could be recorded.",
    {},
  ),
  rolloutsStopped: counter("rollouts_stopped", "Rollouts that stopped before their end.", {}),
  hostUpgrades: counter("host_upgrades", "Results of upgrades, one for each host.", {
    outcome: UPGRADE_STATES,
  }),
  recordFailures: counter(
    "run_record_failures",
    "Run records that were not written, or only in part.",
    {},
  ),
  recordsPurged: counter(
    "run_records_purged",
    "Run records that were removed early, because of run_records_max.",
    {},
  ),
  pairings: counter("pairing_requests", "Requests from hosts that ask to be paired.", {
    result: ["asked", "approved", "denied", "rejected", "pushed-out"],
  }),
  joins: counter("joins", "Hosts that joined with a token, or were refused.", {
    result: ["ok", "refused"],
  }),
  renewals: counter("renewals", "Renewals of agents' certificates.", { result: DONE }),
  rotations: counter("rotations", "Rotations of this host's own certificate.", { result: DONE }),
  maintenanceFailures: counter(
    "maintenance_failures",
    "Parts of maintenance that failed, and agents that could not be told a new serial.",
    {},
  ),
  apiRequests: counter("api_requests", "Answers of the API.", {
    method: ["GET", "HEAD", "POST"],
    status: ["2xx", "4xx", "5xx"],
  }),
  apiErrors: counter(
    "api_errors",
    "Faults in the API, and runs for which this host had no room.",
    {},
  ),
  apiTlsFailures: counter("api_tls_failures", "Handshakes with the API that failed.", {}),
} as const satisfies Readonly<Record<string, Metric>>;
