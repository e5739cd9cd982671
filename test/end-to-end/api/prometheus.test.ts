/** A real Prometheus reads a real control host and agent, and its alerts fire and end. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { TestPrometheus } from "../../support/prometheus.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

let host: ControlHost;
let api: TestApi;
let agent: TestAgent;
let prometheus: TestPrometheus;

beforeAll(async () => {
  host = await ControlHost.create(["api_port = 0", "metrics_bind = 127.0.0.1", "metrics_port = 0"]);
  const tokenFile = host.folder.write("metrics-token", `${TOKEN}\n`);
  chmodSync(tokenFile, 0o600);
  host.addLines([`metrics_token_file = ${tokenFile}`]);
  agent = await host.startAgent("web-01", {
    config: ["metrics_bind = 127.0.0.1", "metrics_port = 0"],
    scripts: { hello: "echo hello" },
  });
  api = await TestApi.start(host);
  const portOf = async ({ seen }: { seen(pattern: RegExp): Promise<RegExpExecArray> }) =>
    (await seen(/ACTION=metrics-start BIND=127.0.0.1 PORT=(\d+)/))[1];
  const control = await portOf({ seen: (pattern) => api.running.seen(pattern) });
  const managed = await portOf({ seen: (pattern) => agent.serving.seen(pattern) });
  prometheus = await TestPrometheus.start(host.folder, [
    { name: "ctrl-exec", target: `127.0.0.1:${control}`, tokenFile },
    { name: "ctrl-exec-agent", target: `127.0.0.1:${managed}` },
  ]);
});

afterAll(async () => {
  await prometheus[Symbol.asyncDispose]();
  await api.stop();
  await host[Symbol.asyncDispose]();
});

test("both are read without a fault; a host that cannot be asked fires alerts, which end", async () => {
  await until("both are read", async () => {
    const told = Object.values(await prometheus.targets());
    return told.length === 2 && told.every((state) => state === "up");
  });
  // A run of the command line, which Prometheus sees only by way of the store.
  await host.mustRun("run", ["web-01", "hello"]);
  const ran = 'ctrl_exec_host_runs_total{script="hello",outcome="ok"}';
  await until("the run is seen", async () => (await prometheus.value(ran)) === 1);
  const onAgent = 'ctrl_exec_agent_script_runs_total{script="hello",outcome="ok"}';
  await until("the agent's is seen", async () => (await prometheus.value(onAgent)) === 1);
  expect(await prometheus.firing()).toEqual([]);

  await host.run("run", ["127.0.0.1:1", "hello"]);
  const firing = await prometheus.untilFiring("CtrlExecRunsFailing", "CtrlExecHostsNotReached");
  const reached = firing.find(({ labels }) => labels.alertname === "CtrlExecHostsNotReached");
  expect(reached?.labels).toMatchObject({ reason: "refused", severity: "warning" });
  expect(JSON.stringify(firing)).not.toContain("web-01");
  await prometheus.untilFiring();
});
