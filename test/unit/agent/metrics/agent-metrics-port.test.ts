/** `metrics_bind` of an agent: a real agent, asked by a real control host. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { AgentMetrics } from "../../../../src/agent/metrics/agent-metrics-port.ts";
import { type AgentServer, startAgentServer } from "../../../../src/agent/server.ts";
import { loadState } from "../../../../src/agent/state/state.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { AGENT_EVENTS } from "../../../../src/core/events/agent.ts";
import { COMMON_EVENTS } from "../../../../src/core/events/common.ts";
import type { Entries } from "../../../../src/core/events/entry.ts";
import { FIELDS } from "../../../../src/core/events/fields.ts";
import type { AgentEvent } from "../../../../src/core/events.ts";
import { agentTally, countAgentEvent } from "../../../../src/core/metrics/agent-counting.ts";
import { exposition } from "../../../../src/core/metrics/exposition.ts";
import { EventLog } from "../../../support/event-log.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let agent: LocalAgent;
let server: AgentServer;
const log = new EventLog("ctrl-exec-agent");

beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01");
  await agent.stop();
  const config = { ...agent.config, metrics_bind: "127.0.0.1", metrics_port: 0 };
  const state = await loadState(config, agent.path("scripts.conf"));
  server = await startAgentServer({ state, log: log.log, now: () => new Date() });
});

afterAll(async () => {
  await server.close();
  await fleet[Symbol.asyncDispose]();
});

async function metrics(): Promise<string> {
  const port = log.of("metrics-start")[0]?.fields.PORT;
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(answer.status).toBe(200);
  return await answer.text();
}

test("its runs are counted by script, with their time, and its state is there", async () => {
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
  const text = await metrics();
  expect(text).toContain('ctrl_exec_agent_script_runs_total{script="count",outcome="ok"} 1\n');
  expect(text).toContain('ctrl_exec_agent_script_run_duration_seconds_count{script="count"} 1\n');
  expect(text).toMatch(/^ctrl_exec_agent_scripts 2$/m);
  expect(text).toMatch(/^ctrl_exec_agent_processes_running 0$/m);
  expect(text).toMatch(/^ctrl_exec_agent_certificate_end_timestamp_seconds 1\d{9}$/m);
  expect(text).toContain('ctrl_exec_agent_rate_blocks_total{reason="probe"} 0\n');
});

test("promtool finds no fault with them", async () => {
  const stdin = Buffer.from(await metrics());
  const { stdout, stderr, exitCode } = Bun.spawnSync(["promtool", "check", "metrics"], { stdin });
  const said = stdout.toString() + stderr.toString();
  expect({ said, exitCode }).toEqual({ said: "", exitCode: 0 });
});

test("T34 whatever an event says, no text of it becomes a label", () => {
  const PARTS: readonly Entries[] = [COMMON_EVENTS, AGENT_EVENTS];
  const tally = agentTally();
  for (const [event, { fields, maybe = [] }] of PARTS.flatMap((part) => Object.entries(part))) {
    const values = [...fields, ...maybe].map((field) => {
      const bad = { number: 2, list: ['HOSTILE"'] }[FIELDS[field].kind as "number" | "list"];
      return [field, bad ?? 'HOSTILE"} 1\n# EOF'];
    });
    countAgentEvent({ event, ...Object.fromEntries(values) } as AgentEvent, tally);
  }
  const text = exposition(tally.series, "openmetrics");
  expect(text).not.toContain("HOSTILE");
  // A line that stands for two of its kind counts twice.
  expect(text).toContain('ctrl_exec_agent_connections_refused_total{reason="tls"} 2\n');
});

test("T34 a caller cannot make labels of scripts that are not allowed", async () => {
  const { controller } = fleet;
  const { startRun } = await import("../../../../src/controller/runs/start-run.ts");
  const order = { hosts: ["web-01"], port: undefined, script: "secret-name", args: ["secret-arg"] };
  const caller = { face: "cli", username: "mallory", token: "t0ken", sourceIp: "::1" } as const;
  await (await startRun(controller, caller, order, () => undefined)).finished;
  const text = await metrics();
  expect(text).toContain("ctrl_exec_agent_runs_denied_total 1\n");
  for (const word of ["secret", "mallory", "t0ken", "web-01", "127.0.0.1"]) {
    expect(text).not.toContain(word);
  }
});

test.each(["0.0.0.0", "::", "10.0.0.1", "localhost"])(
  "T34 no address that others can reach is taken: %s",
  async (address) => {
    const parsed = parseAgentConfig("/etc/x.conf", `metrics_bind = ${address}\n`);
    await expect(parsed).rejects.toThrow(
      `metrics_bind = ${address}: expected an address of this host alone, 127.0.0.1 or ::1`,
    );
  },
);

test("when the agent closes it, nobody is served there any more", async () => {
  const port = new EventLog("ctrl-exec-agent");
  const load = {
    certificateEnd: new Date(),
    scripts: 0,
    processes: 0,
    connections: 0,
    spoolBytes: undefined,
    spoolLimit: 0,
  };
  const config = { ...agent.config, metrics_bind: "127.0.0.1", metrics_port: 0 };
  const close = await new AgentMetrics(new Date()).serve(config, port.log, () => load);
  const url = `http://127.0.0.1:${port.of("metrics-start")[0]?.fields.PORT}/metrics`;
  expect((await fetch(url)).status).toBe(200);
  close?.();
  await expect(fetch(url)).rejects.toThrow();
});
