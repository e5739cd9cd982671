import { describe, expect, test } from "bun:test";
import { API_EVENTS } from "../../../../src/core/events/api.ts";
import { COMMON_EVENTS } from "../../../../src/core/events/common.ts";
import { CONTROLLER_EVENTS } from "../../../../src/core/events/controller.ts";
import type { Entries } from "../../../../src/core/events/entry.ts";
import { FIELDS, type FieldName } from "../../../../src/core/events/fields.ts";
import type { ControlEvent } from "../../../../src/core/events.ts";
import { AGENT_METRICS } from "../../../../src/core/metrics/agent-metrics.ts";
import { controlTally, countControlEvent } from "../../../../src/core/metrics/control-counting.ts";
import { CONTROL_GAUGES } from "../../../../src/core/metrics/control-gauges.ts";
import { CONTROL_METRICS } from "../../../../src/core/metrics/control-metrics.ts";
import { exposition } from "../../../../src/core/metrics/exposition.ts";

function counted(...events: readonly ControlEvent[]): Record<string, readonly number[]> {
  const tally = controlTally({});
  for (const event of events) countControlEvent(event, tally);
  return Object.fromEntries(tally.counts);
}

const RUN = {
  host: "web-01",
  reqid: "0123456789abcdef",
  script: "deploy",
  target: "web-01:7443",
} as const;

describe("a result of a run", () => {
  test("of a script that has ended counts by its exit status, with its time", () => {
    expect(
      counted(
        { event: "dispatch", hosts: ["web-01", "web-02"], reqid: RUN.reqid, script: "deploy" },
        { event: "run", ...RUN, exit: 0, rtt: 420 },
        { event: "run", ...RUN, exit: 3, rtt: 4200, dropped: 17 },
      ),
    ).toEqual({
      "ctrl_exec_runs deploy": [1],
      "ctrl_exec_host_results ok": [1],
      "ctrl_exec_host_results failed": [1],
      "ctrl_exec_host_runs deploy ok": [1],
      "ctrl_exec_host_runs deploy failed": [1],
      "ctrl_exec_host_run_duration_seconds deploy": [0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 4.62],
      ctrl_exec_output_dropped_bytes: [17],
    });
  });

  test("of a rollout is one run, however many batches it has", () => {
    const dispatch = { event: "dispatch", hosts: ["web-01"], ...RUN } as const;
    expect(counted(dispatch, { ...dispatch, batch: 2 }, { ...dispatch, batch: 3 })).toEqual({
      "ctrl_exec_runs deploy": [1],
    });
  });

  test("that went wrong counts by whether the script ran, and by why the host could not be asked", () => {
    const failed = { event: "run-fail", ...RUN, error: "x", rtt: 9 } as const;
    expect(
      counted(
        { ...failed, state: "never-ran", fault: "refused" },
        { ...failed, state: "unknown", fault: "late" },
        { ...failed, state: "ended" },
        { event: "rollout-stop", count: 7, reason: "x", reqid: RUN.reqid, script: "deploy" },
      ),
    ).toEqual({
      "ctrl_exec_host_results never-ran": [1],
      "ctrl_exec_host_results unknown": [1],
      "ctrl_exec_host_results failed": [1],
      "ctrl_exec_host_results not-started": [7],
      "ctrl_exec_host_runs deploy never-ran": [1],
      "ctrl_exec_agent_call_failures run refused": [1],
      "ctrl_exec_host_runs deploy unknown": [1],
      "ctrl_exec_agent_call_failures run late": [1],
      "ctrl_exec_host_runs deploy failed": [1],
      "ctrl_exec_host_run_duration_seconds deploy": [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.009],
      ctrl_exec_rollouts_stopped: [1],
      "ctrl_exec_host_runs deploy not-started": [7],
    });
  });
});

test("an upgrade counts each host by how it went, and those that it has not come to", () => {
  const { host, reqid, target } = RUN;
  const whole = { host, reqid, release: "1.2.0", target } as const;
  expect(
    counted(
      { event: "upgrade", ...whole, from: "1.1.0" },
      { event: "upgrade", ...whole, from: "1.2.0" },
      { event: "upgrade-fail", ...whole, error: "x", status: "rolled-back" },
      { event: "upgrade-fail", ...whole, error: "x", status: "unknown" },
      { event: "upgrade-stop", ...whole, count: 7, reason: "x" },
    ),
  ).toEqual({
    "ctrl_exec_host_upgrades upgraded": [1],
    "ctrl_exec_host_upgrades current": [1],
    "ctrl_exec_host_upgrades rolled-back": [1],
    "ctrl_exec_host_upgrades unknown": [1],
    "ctrl_exec_host_upgrades not-started": [7],
  });
});

test("decisions and answers count by their kinds", () => {
  const asked = { authaction: "run", ip: "10.0.0.9", user: "alice" };
  const answer = { len: 0, path: "/run", peer: "10.0.0.9", reqid: RUN.reqid } as const;
  expect(
    counted(
      { event: "auth-pass", ...asked, result: "pass" },
      { event: "auth-pass", ...asked, authaction: "upgrade", result: "pass" },
      { event: "auth-deny", ...asked, reason: "no", result: "deny" },
      { event: "auth-error", ...asked, authaction: "read", reason: "no", result: "error" },
      { event: "api-request", ...answer, method: "POST", status: 200 },
      { event: "api-request", ...answer, method: "BREW", status: 405 },
      { event: "api-request-unread", ...answer, method: "", status: 503 },
    ),
  ).toEqual({
    "ctrl_exec_authorizations run pass": [1],
    "ctrl_exec_authorizations upgrade pass": [1],
    "ctrl_exec_authorizations run deny": [1],
    "ctrl_exec_authorizations read error": [1],
    "ctrl_exec_api_requests POST 2xx": [1],
    "ctrl_exec_api_requests other 4xx": [1],
    "ctrl_exec_api_requests other 5xx": [1],
  });
});

const PARTS: readonly Entries[] = [COMMON_EVENTS, CONTROLLER_EVENTS, API_EVENTS];
const ENTRIES = PARTS.flatMap((part) => Object.entries(part));
const HOSTILE = 'HOSTILE"} 1\n# EOF\\';

/** With every field that it may have, each as bad as its type lets it be. */
function hostile(name: string, fields: readonly FieldName[]): ControlEvent {
  const values = fields.map((field) => {
    const { kind } = FIELDS[field];
    if (kind === "number") return [field, 1];
    return [field, kind === "list" ? [HOSTILE] : HOSTILE];
  });
  return { event: name, ...Object.fromEntries(values) } as ControlEvent;
}

test("T34 whatever an event says, no text of it becomes a label", () => {
  const tally = controlTally({ onlyTimed: true });
  for (const [name, { fields, maybe = [] }] of ENTRIES) {
    countControlEvent(hostile(name, [...fields, ...maybe]), tally);
  }
  const text = exposition(tally.series, "openmetrics");
  expect(tally.isEmpty).toBe(false);
  expect(text).not.toContain("HOSTILE");
  expect(text.match(/# EOF/g)).toHaveLength(1);
});

test("T34 a script's name is a label once it has run, and only if an allowlist can hold it", () => {
  const shown = (script: string) => {
    const tally = controlTally({ onlyTimed: true });
    countControlEvent({ event: "run", ...RUN, script, exit: 0, rtt: 1 }, tally);
    return tally.counts.has(`ctrl_exec_host_runs ${script} ok`);
  };
  expect(shown("deploy-app_2")).toBe(true);
  for (const odd of ["web-01.example.com", "10.0.0.1", "a b", "--token=x", "x".repeat(256)]) {
    expect(shown(odd), odd).toBe(false);
  }
});

const ALL = [...Object.values(CONTROL_METRICS), ...Object.values(CONTROL_GAUGES)];

test("every metric is defined once, and says what it is in a sentence", () => {
  const names = ALL.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, help } of ALL) {
    expect(name).toMatch(/^ctrl_exec_[a-z][a-z_]*[a-z]$/);
    expect(help, name).toMatch(/^[A-Z].*\.$/);
  }
});

test("T34 no label is there for hosts, users or addresses", () => {
  const labels = new Set(ALL.flatMap((metric) => Object.keys(metric.labels)));
  expect([...labels].sort()).toEqual([
    ...["action", "age", "commit", "during", "kind", "method", "of", "outcome", "reason", "result"],
    ...["script", "serial", "status", "version"],
  ]);
});

test("promtool finds no fault with the metrics", () => {
  const tally = controlTally({});
  for (const [name, { fields, maybe = [] }] of ENTRIES) {
    countControlEvent(hostile(name, [...fields, ...maybe]), tally);
  }
  countControlEvent({ event: "run", ...RUN, exit: 0, rtt: 1 }, tally);
  const gauges = Object.values(CONTROL_GAUGES).map((metric) => {
    return { metric, labels: Object.keys(metric.labels).map(() => "x"), values: [1] };
  });
  const { stdout, stderr, exitCode } = Bun.spawnSync(["promtool", "check", "metrics"], {
    stdin: Buffer.from(exposition([...gauges, ...tally.series], "classic")),
  });
  const said = stdout.toString() + stderr.toString();
  expect({ said, exitCode }).toEqual({ said: "", exitCode: 0 });
});

test("no counter waits for discovery on the control host, whose hook is asked with ping", () => {
  expect(CONTROL_METRICS.authorizations.labels.action).not.toContain("discovery");
  expect(AGENT_METRICS.authorizations.labels.action).toContain("discovery");
});
