/** What a ping and a discovery give for each host, and what the log has of it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dialSetting } from "../../../../src/controller/fleet/dial-setting.ts";
import { KeptDialler } from "../../../../src/controller/fleet/kept-dialler.ts";
import { AgentPool } from "../../../../src/controller/fleet/pool.ts";
import { discoverHosts } from "../../../../src/controller/inventory/discovery.ts";
import { pingHosts } from "../../../../src/controller/inventory/ping.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import { changeAgents } from "../../../../src/controller/store/registry.ts";
import { loadCredentials } from "../../../../src/controller/trust/credential.ts";
import type { PingResult } from "../../../../src/core/results.ts";
import { addDays } from "../../../../src/core/time.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { http10, onRequest, Peer } from "../../../support/peers.ts";
import { hangUp, kept, last, PlayedAgent } from "../../../support/played-agent.ts";

const HOSTS = ["web-02", "web-01", "web-03"];
const REQID = "0123456789abcdef";

let fleet: LocalFleet;
/** web-02 is away, and web-03's clock is an hour ahead. */
beforeEach(async () => {
  fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  await (await fleet.addAgent("web-02")).stop();
  await fleet.addAgent("web-03", { clock: () => addDays(fleet.now, 1 / 24) });
});
afterEach(() => fleet[Symbol.asyncDispose]());

async function ping(names: readonly string[], requestId?: string) {
  const heard: PingResult[] = [];
  const seen: AgentRecord[] = [];
  const caller = requestId === undefined ? CALLER : { ...CALLER, requestId };
  const results = await pingHosts(
    fleet.controller,
    caller,
    { hosts: names, port: undefined },
    {
      onResult: (result) => void heard.push(result),
      onSeen: async (records) => void seen.push(...records),
    },
  );
  return { results, heard, seen };
}

test("a ping has a result for each host in the order in which they were given, heard as they come", async () => {
  const { results, heard } = await ping(HOSTS, REQID);
  const rtt = expect.stringMatching(/^\d+ms$/);
  const { expiry } = fleet.record("web-01");
  expect(results).toEqual([
    {
      host: "web-02",
      status: "error",
      rtt,
      expiry: "",
      version: "",
      reqid: REQID,
      error: expect.stringContaining("connection refused"),
    },
    { host: "web-01", status: "ok", rtt, expiry, version: expect.any(String), reqid: REQID },
    {
      host: "web-03",
      status: "ok",
      rtt,
      expiry: fleet.record("web-03").expiry,
      version: expect.stringMatching(/^\d/),
      reqid: REQID,
      clock_offset: expect.any(Number),
    },
  ]);
  expect(Math.abs((results[2]?.clock_offset ?? 0) - 3600)).toBeLessThan(5);
  expect(heard.toSorted((a, b) => a.host.localeCompare(b.host))).toEqual(
    results.toSorted((a, b) => a.host.localeCompare(b.host)),
  );
});

test("a ping's lines have what 0.8 wrote, and what its documents promise", async () => {
  const { results } = await ping(["web-01", "web-02"]);
  const [ok, failed] = ["info", "err"].map(
    (level) => fleet.log.of("ping").find((line) => line.level === level)?.fields,
  );
  const reqid = results[0]?.reqid ?? "";
  expect(reqid).toMatch(/^[0-9a-f]{16}$/);
  const { port } = fleet.record("web-01");
  expect(ok).toEqual({
    PEER: "127.0.0.1",
    REQID: reqid,
    RESULT: "ok",
    RTT: expect.anything(),
    STATUS: "ok",
    TARGET: `web-01:${port}`,
  });
  expect(failed).toMatchObject({ REQID: reqid, STATUS: "error", ERROR: results[1]?.error ?? "" });
  expect(failed).not.toHaveProperty("RESULT");
});

test("whoever looks after the hosts is given their records as they are now; others have none", async () => {
  await changeAgents(fleet.controller.config, (record) =>
    record.hostname === "web-01" ? { ...record, serial_status: "pending" } : undefined,
  );
  const { port } = fleet.record("web-03");
  const { seen } = await ping(["web-02", "web-01", "localhost:1"]);
  expect(seen).toEqual([fleet.record("web-02"), fleet.record("web-01")]);
  expect(seen[1]?.serial_status).toBe("current");
  // It answers for its own name alone, and was called by none.
  expect((await ping([`localhost:${port}`])).seen).toEqual([]);
});

test("T68 what a registered host's clock says is kept, also by a discovery", async () => {
  const clocks = () =>
    JSON.parse(readFileSync(fleet.folder.join("control/state/clocks.json"), "utf8"));
  await ping(["web-01", "web-02"]);
  expect(Object.keys(clocks())).toEqual(["web-01"]);
  await discoverHosts(fleet.controller, CALLER, undefined);
  expect(Object.keys(clocks()).toSorted()).toEqual(["web-01", "web-03"]);
  expect(Math.abs(clocks()["web-03"].offset - 3600)).toBeLessThan(5);
});

test("what a host says of itself is known from then on: its version and tags, and to a discovery its scripts", async () => {
  const { learned } = fleet.controller.store;
  const { results } = await ping(["web-01"]);
  const version = { value: results[0]?.version ?? "", at: fleet.now };
  const told = { contact: fleet.now, version, tags: { value: {}, at: fleet.now } };
  expect((await learned.known()).get("web-01")).toEqual(told);
  const choice = { hosts: ["web-01"], port: undefined };
  await discoverHosts(fleet.controller, CALLER, choice);
  expect((await learned.known()).get("web-01")).toEqual(told);
  expect((await learned.scripts(["web-01"])).get("web-01")?.value).toContain("count");
});

test("a refusal says nothing of the host itself", async () => {
  const { learned } = fleet.controller.store;
  await ping(["web-01"]);
  const before = (await learned.known()).get("web-01");
  fleet.passDays(1);
  const [web] = fleet.agents;
  const [cert = "", key = ""] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(web?.path(name) ?? "", "utf8"),
  );
  await using peer = await Peer.tls({ cert, key }, (socket) =>
    onRequest(socket, () => socket.end(http10({ error: "denied" }, "403 Forbidden"))),
  );
  const hosts = [`web-01:${peer.port}`];
  expect((await ping(hosts)).results).toMatchObject([{ error: "denied" }]);
  await discoverHosts(fleet.controller, CALLER, { hosts, port: undefined });
  expect((await learned.known()).get("web-01")).toEqual(before);
});

test("a discovery has what each host offers, or why it is not known", async () => {
  const rtt = expect.stringMatching(/^\d+ms$/);
  const found = await discoverHosts(fleet.controller, CALLER, {
    hosts: ["web-02", "web-01"],
    port: undefined,
  });
  expect(found).toEqual([
    {
      host: "web-02",
      status: "error",
      version: "",
      rtt,
      scripts: [],
      tags: {},
      error: expect.stringContaining("connection refused"),
    },
    {
      host: "web-01",
      status: "ok",
      version: expect.stringMatching(/^\d/),
      rtt,
      scripts: expect.arrayContaining([expect.objectContaining({ name: "count" })]),
      tags: {},
    },
  ]);
  const lines = fleet.log.of("capabilities");
  const { port } = fleet.record("web-01");
  const scripts = found[1]?.scripts.length ?? 0;
  expect(lines.find(({ level }) => level === "info")?.fields).toEqual({
    RTT: expect.anything(),
    SCRIPTS: scripts,
    TARGET: `web-01:${port}`,
  });
  expect(lines.find(({ level }) => level === "err")?.fields).toMatchObject({
    ERROR: found[0]?.error ?? "",
  });
});

test("an answer that is not a list of scripts is said to be none", async () => {
  const [web] = fleet.agents;
  const [cert = "", key = ""] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(web?.path(name) ?? "", "utf8"),
  );
  await using peer = await Peer.tls({ cert, key }, (socket) =>
    onRequest(socket, () => socket.end(http10({ scripts: 3 }))),
  );
  const [found] = await discoverHosts(fleet.controller, CALLER, {
    hosts: [`web-01:${peer.port}`],
    port: undefined,
  });
  expect(found?.error).toBe("web-01 answered with status 200 and no list of scripts");
});

test("who counts the hosts is told how many are asked, before the first has answered", async () => {
  const told: (number | string)[] = [];
  const subscribers = {
    onHosts: (count: number) => void told.push(count),
    onResult: ({ host }: { readonly host: string }) => void told.push(host),
    onSeen: async () => undefined,
  };
  const choice = { hosts: ["web-01"], port: undefined };
  await pingHosts(fleet.controller, CALLER, choice, subscribers);
  await discoverHosts(fleet.controller, CALLER, choice, subscribers);
  expect(told).toEqual([1, "web-01", 1, "web-01"]);
});

test("both are asked for again where a kept connection has been closed: nothing is done twice there", async () => {
  const [web] = fleet.agents;
  const [cert = "", key = ""] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(web?.path(name) ?? "", "utf8"),
  );
  using agent = await PlayedAgent.start({ cert, key });
  const pong = { status: "ok", version: "1.1.0", expiry: "some day" };
  const list = { status: "ok", version: "1.1.0", scripts: [] };
  agent.answers = [kept(pong), hangUp, kept(pong), hangUp, last(list)];
  const { config } = fleet.controller;
  const pool = new AgentPool(60_000);
  const setting = { ...dialSetting(config, loadCredentials(config, fleet.now)), pool };
  const dialler = Object.assign(new KeptDialler(), { current: () => setting });
  const controller = { ...fleet.controller, dialler };
  const choice = { hosts: [`web-01:${agent.port}`], port: undefined };
  const subscribers = { onResult: () => undefined, onSeen: async () => undefined };
  for (const _ of ["first", "again"]) {
    const [result] = await pingHosts(controller, CALLER, choice, subscribers);
    expect(result).toMatchObject({ status: "ok", version: "1.1.0" });
  }
  const [found] = await discoverHosts(controller, CALLER, choice);
  expect(found).toMatchObject({ status: "ok", scripts: [] });
  pool.close();
  expect([agent.connections, agent.answers]).toEqual([3, []]);
});

test("where no host is registered, a discovery asks nobody", async () => {
  await using empty = await LocalFleet.bare();
  // It has no certificate with which to ask.
  expect(await discoverHosts(empty.controller, CALLER, undefined)).toEqual([]);
});
