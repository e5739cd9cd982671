/** GET /metrics, over a real API with a real agent. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { LocalApi } from "../../../support/local-api.ts";

let api: LocalApi;

beforeAll(async () => {
  api = await LocalApi.start();
  await api.fleet.addAgent("web-01");
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

async function metrics(accept?: string) {
  return await api.ask("GET", "/metrics", undefined, accept === undefined ? {} : { accept });
}

/** The value of a series, as it is written. */
async function numberOf(name: string): Promise<number | undefined> {
  const { text } = await metrics();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

test("what runs and pings come to is counted, and why a host could not be asked", async () => {
  await api.ask("POST", "/run", { hosts: ["web-01", "127.0.0.1:1"], script: "count" });
  await api.ask("POST", "/ping", { hosts: ["web-01", "127.0.0.1:1"] });
  const found = await Promise.all(
    [
      'ctrl_exec_runs_total{script="count"}',
      'ctrl_exec_host_runs_total{script="count",outcome="ok"}',
      'ctrl_exec_host_runs_total{script="count",outcome="never-ran"}',
      'ctrl_exec_host_run_duration_seconds_count{script="count"}',
      'ctrl_exec_agent_call_failures_total{during="run",reason="refused"}',
      'ctrl_exec_agent_call_failures_total{during="ping",reason="refused"}',
      'ctrl_exec_pings_total{result="ok"}',
      'ctrl_exec_authorizations_total{action="run",result="pass"}',
      'ctrl_exec_agents{serial="current"}',
      'ctrl_exec_agent_contacts{age="1h"}',
    ].map(numberOf),
  );
  expect(found).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
});

test("the API's own work is among it", async () => {
  expect(await numberOf("ctrl_exec_api_requests_in_flight")).toBe(1);
  expect(await numberOf("ctrl_exec_reply_budget_limit_bytes")).toBe(2 ** 30);
  expect(await numberOf("ctrl_exec_agent_calls_queued")).toBe(0);
  expect(await numberOf('ctrl_exec_api_requests_total{method="GET",status="2xx"}')).toBeGreaterThan(
    2,
  );
});

describe("the answer", () => {
  test("is in the classic format, unless OpenMetrics is asked for", async () => {
    const classic = await metrics();
    expect(classic.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(classic.headers.get("vary")).toBe("Accept");
    expect(classic.headers.get("cache-control")).toBe("no-store");
    const open = await metrics("application/openmetrics-text; version=1.0.0");
    expect(open.headers.get("content-type")).toBe(
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    );
    expect(open.text).toEndWith("\n# EOF\n");
  });

  test("has only its head for HEAD", async () => {
    const { status, text } = await api.ask("HEAD", "/metrics");
    expect({ status, text }).toEqual({ status: 200, text: "" });
  });
});

test("T34 hosts, users, arguments, tokens and output are nowhere in it", async () => {
  const secret = "s3cr3t-4711";
  const body = { hosts: ["web-01"], script: "count", args: [secret], username: secret };
  await api.ask("POST", "/run", { ...body, token: secret });
  await api.ask("POST", "/run", { hosts: [secret], script: "count" });
  await api.ask("POST", "/run", { hosts: ["web-01"], script: secret });
  await api.ask("POST", "/ping", { hosts: [`${secret}.example.com`], token: secret });
  await api.ask("GET", `/runs/${secret}`);
  const { text } = await metrics();
  for (const word of [secret, "web-01", "127.0.0.1", "tester"]) expect(text).not.toContain(word);
});

test("T34 it is for whom the hook allows, as other reads are", async () => {
  await using closed = await LocalApi.start(["api_auth_default = deny"]);
  const { status, text } = await closed.ask("GET", "/metrics");
  expect(status).toBe(403);
  expect(text).not.toContain("ctrl_exec_");
  expect(closed.fleet.log.of("auth")).toMatchObject([
    { level: "warning", fields: { AUTHACTION: "api" } },
  ]);
});
