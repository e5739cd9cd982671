/** What is read from the control host when its metrics are requested (docs/METRICS.md shows it). */
import { SERIAL_STATUSES } from "../rotation.ts";
import { type Metric, metricMaker } from "./metric.ts";

/** How long ago a host last answered anything: at most this long, and longer than the previous value. */
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
    "When the counters began: they outlive restarts, and begin again when counts.json is removed.",
    {},
  ),
  agents: gauge(
    "agents",
    "Registered hosts, by whether they know this host's serial; unreadable means a record that cannot be used.",
    { serial: AGENT_SERIALS },
  ),
  contacts: gauge(
    "agent_contacts",
    "Registered hosts, by how long ago they last answered: up to 1h, up to 1d, and so on.",
    { age: CONTACT_AGES },
  ),
  certificateEnds: gauge(
    "certificate_end_timestamp_seconds",
    "When the certificate ends; for agents, the one that ends first.",
    { of: ["control-host", "ca", "api", "agents"] },
  ),
  runLocks: gauge(
    "run_locks",
    "Scripts on hosts that runs hold locked, those from the command line too: they are running, or wait for their turn.",
    {},
  ),
  pairingQueue: gauge("pairing_queue", "Pairing requests that are waiting for an operator.", {}),
  rollouts: gauge("rollouts", "Rollouts that are not over.", { kind: ["detached", "paused"] }),
  requests: gauge("api_requests_in_flight", "Requests to the API that are being answered.", {}),
  streams: gauge("api_streams", "Event streams and downloads that are open.", {}),
  runsHere: gauge(
    "api_runs_in_flight",
    "Runs that the API has started and that have not ended.",
    {},
  ),
  callsWaiting: gauge(
    "agent_calls_queued",
    "Calls from the API to agents that are waiting because the limit of calls under way is reached.",
    {},
  ),
  callsFree: gauge("agent_calls_free", "How many more calls the API could make at once.", {}),
  budgetHeld: gauge(
    "reply_budget_held_bytes",
    "Memory that answers from agents take up in the API.",
    {},
  ),
  budgetLimit: gauge("reply_budget_limit_bytes", "The most they may take up: max_replies.", {}),
} as const satisfies Readonly<Record<string, Metric>>;
