/** Hosts at one address, each at a port of its own: each has its own result, on every face. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { freePort } from "../../../src/system/net/free-port.ts";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";

let control: ControlHost;
let api: TestApi;
let good: string;
let failing: string;
let closed: string;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  const first = await control.startAgent("web-01", { scripts: { greet: "echo hello" } });
  const second = await control.startAgent("web-02", { scripts: { greet: "exit 3" } });
  good = `127.0.0.1:${first.port}`;
  failing = `127.0.0.1:${second.port}`;
  closed = `127.0.0.1:${freePort()}`;
  api = await TestApi.start(control);
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await control[Symbol.asyncDispose]();
});

interface Seen {
  readonly host: string;
  readonly exit?: number;
  readonly status?: string;
}

function exitsOf(results: readonly Seen[]): unknown[] {
  return results.map(({ host, exit }) => [host, exit]);
}

test.each([
  [["good", "failing"]],
  [["failing", "good"]],
  [["good", "closed"]],
  [["closed", "good"]],
])("run of %p fails, and says which of them", async (order) => {
  const hosts = order.map((name) => ({ good, failing, closed })[name] ?? "");
  const exits = { [good]: 0, [failing]: 3, [closed]: -1 };
  const expected = hosts.map((host) => [host, exits[host]]);
  const json = await control.run("run", [...hosts, "greet", "--json"]);
  const { results } = JSON.parse(json.out);
  expect([json.status, exitsOf(results)]).toEqual([1, expected]);
  const { status, out } = await control.run("run", [...hosts, "greet"]);
  expect(status).toBe(1);
  const headers = [...out.matchAll(/^==> (\S+) {2}\[(OK|FAIL) {2}exit:(-?\d+) /gm)];
  expect(headers.map(([, host, , exit]) => [host, Number(exit)]).sort()).toEqual(expected.sort());
  const shown = await control.run("status", [results[0].reqid, "--json"]);
  expect(shown.status).toBe(1);
  expect(JSON.parse(shown.out)).toMatchObject({ hosts, results });
});

test("ping of a host that is there and one that is not ends 1, in whatever order", async () => {
  for (const hosts of [
    [good, closed],
    [closed, good],
  ]) {
    const { status, out } = await control.run("ping", [...hosts, "--json"]);
    const seen = (JSON.parse(out).results as Seen[]).map(({ host, status: word }) => [host, word]);
    expect(status).toBe(1);
    expect(seen).toEqual(hosts.map((host) => [host, host === good ? "ok" : "error"]));
    const table = await control.run("ping", hosts);
    expect(table.out).toContain(`${good} `);
    expect(table.err).toContain(`${closed}: connection refused by ${closed}`);
  }
});

test("the API says the same: run, record, ping and discovery", async () => {
  const hosts = [closed, good, failing];
  const run = await api.post("/run", { hosts, script: "greet" });
  const { reqid, results } = run.json as { reqid: string; results: Seen[] };
  const expected = [
    [closed, -1],
    [good, 0],
    [failing, 3],
  ];
  expect(exitsOf(results)).toEqual(expected);
  const record = (await api.get(`/status/${reqid}`)).json as { hosts: string[]; results: Seen[] };
  expect(record.hosts).toEqual(hosts);
  expect(exitsOf(record.results)).toEqual(expected);
  const pinged = (await api.post("/ping", { hosts })).json as { results: Seen[] };
  expect(pinged.results.map(({ host, status }) => [host, status])).toEqual([
    [closed, "error"],
    [good, "ok"],
    [failing, "ok"],
  ]);
  const found = (await api.post("/discovery", { hosts })).json as { hosts: Record<string, Seen> };
  expect(Object.keys(found.hosts).sort()).toEqual([...hosts].sort());
  for (const host of hosts) {
    expect(found.hosts[host]).toMatchObject({ host, status: host === closed ? "error" : "ok" });
  }
});
