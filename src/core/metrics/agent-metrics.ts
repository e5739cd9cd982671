/** What an agent counts, and what is read from it on request (docs/METRICS.md shows it). */
import { DURATIONS, HOOK_RESULTS } from "./control-metrics.ts";
import { type Metric, metricMaker } from "./metric.ts";

const counter = metricMaker("ctrl_exec_agent_", "counter");
const gauge = metricMaker("ctrl_exec_agent_", "gauge");

export const AGENT_METRICS = {
  runs: counter("script_runs", "Scripts that have ended, or could not be started.", {
    script: "script",
    outcome: ["ok", "failed", "problem"],
  }),
  runDuration: {
    name: "ctrl_exec_agent_script_run_duration_seconds",
    type: "histogram",
    help: "How long scripts ran.",
    labels: { script: "script" },
    buckets: DURATIONS,
  },
  denied: counter("runs_denied", "Runs that were refused because the script is not allowed.", {}),
  cancelled: counter("runs_cancelled", "Runs that were ended on request.", {}),
  unkept: counter("runs_unkept", "Runs without a usable folder, whose end may be lost.", {}),
  authorizations: counter("authorizations", "Decisions of the agent's own auth hook.", {
    action: ["run", "discovery", "upgrade"],
    result: HOOK_RESULTS,
  }),
  upgradesRefused: counter("upgrades_refused", "Upgrades that this agent refused.", {}),
  refused: counter(
    "connections_refused",
    "Connections and requests that were refused, by reason.",
    {
      reason: ["address", "tls", "revoked", "serial", "full", "slow", "unreadable"],
    },
  ),
  rateBlocks: counter("rate_blocks", "Addresses that were blocked for a while.", {
    reason: ["volume", "probe"],
  }),
  renewals: counter("renewals", "Renewals of this agent's certificate.", {
    result: ["ok", "failed"],
  }),
} as const satisfies Readonly<Record<string, Metric>>;

export const AGENT_GAUGES = {
  build: {
    name: "ctrl_exec_agent_build",
    type: "info",
    help: "The version of the agent.",
    labels: { version: "text", commit: "text" },
  },
  started: gauge("start_timestamp_seconds", "When the agent started, and its counters began.", {}),
  certificateEnd: gauge(
    "certificate_end_timestamp_seconds",
    "When the agent's certificate ends.",
    {},
  ),
  scripts: gauge("scripts", "Scripts that are allowed.", {}),
  running: gauge("processes_running", "Scripts and hooks that are running.", {}),
  connections: gauge("connections", "Connections that are open.", {}),
  spool: gauge("spool_used_bytes", "Disk space that runs and their output take.", {}),
  spoolLimit: gauge("spool_limit_bytes", "The most they may take: run_spool.", {}),
} as const satisfies Readonly<Record<string, Metric>>;
