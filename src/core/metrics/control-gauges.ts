/** What is read of the control host when somebody asks for its metrics (docs/METRICS.md shows it). */
import { SERIAL_STATUSES } from "../rotation.ts";
import { type Metric, metricMaker } from "./metric.ts";

/** How long ago a host last answered anything: up to so long, and not within the word before. */
export const CONTACT_AGES = ["1h", "1d", "7d", "30d", "older", "never"] as const;

export const AGENT_SERIALS = [...SERIAL_STATUSES, "unreadable"] as const;

const gauge = metricMaker("ctrl_exec_", "gauge");

export const CONTROL_GAUGES = {
  build: {
    name: "ctrl_exec_build",
    type: "info",
    help: "The version of the API.",
    labels: { version: "text", commit: "text" },
  },
  started: gauge("api_start_timestamp_seconds", "When the API started.", {}),
  countsBegan: gauge(
    "counts_start_timestamp_seconds",
    "When the counters began: they outlive restarts, and begin anew when counts.json is removed.",
    {},
  ),
  agents: gauge(
    "agents",
    "Registered hosts, by whether they know this host's serial; unreadable is a record that cannot be used.",
    { serial: AGENT_SERIALS },
  ),
  contacts: gauge(
    "agent_contacts",
    "Registered hosts, by how long ago they last answered: up to 1h, up to 1d, and so on.",
    { age: CONTACT_AGES },
  ),
  certificateEnds: gauge(
    "certificate_end_timestamp_seconds",
    "When the certificate ends; of all agents the one that ends first.",
    { of: ["control-host", "ca", "api", "agents"] },
  ),
  runLocks: gauge(
    "run_locks",
    "Scripts on hosts that runs hold locked, from the command line too: they run, or wait for their turn.",
    {},
  ),
  pairingQueue: gauge("pairing_queue", "Pairing requests that wait for an operator.", {}),
  rollouts: gauge("rollouts", "Rollouts that are not over.", { kind: ["detached", "paused"] }),
  requests: gauge("api_requests_in_flight", "Requests of the API that are being worked on.", {}),
  streams: gauge("api_streams", "Event streams and downloads that are open.", {}),
  runsHere: gauge("api_runs_in_flight", "Runs of the API that have not ended.", {}),
  callsWaiting: gauge(
    "agent_calls_queued",
    "Calls of the API to agents that wait because as many are under way as there may be.",
    {},
  ),
  callsFree: gauge("agent_calls_free", "Further calls that the API could make at once.", {}),
  budgetHeld: gauge(
    "reply_budget_held_bytes",
    "Memory that the answers of agents hold in the API.",
    {},
  ),
  budgetLimit: gauge("reply_budget_limit_bytes", "The most they may hold: max_replies.", {}),
} as const satisfies Readonly<Record<string, Metric>>;
