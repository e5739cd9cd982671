/** What is read of a fleet for its metrics. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { fleetGauges } from "../../../../src/controller/metrics/fleet-gauges.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";

import { exposition } from "../../../../src/core/metrics/exposition.ts";
import { opensslTime } from "../../../../src/core/time.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { agent } from "../store/suite/stage.ts";

let fleet: LocalFleet;

beforeAll(async () => {
  fleet = await LocalFleet.create();
});

afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

async function register(...records: readonly AgentRecord[]): Promise<void> {
  await fleet.controller.store.exclusively(async (writer) => {
    for (const record of records) await writer.putAgent(record);
  });
}

/** By metric and label values. */
async function shown(): Promise<Record<string, number>> {
  const all = await fleetGauges({ ...fleet.controller, now: () => fleet.now });
  const lines = all.map(({ metric, labels, values }) => {
    return [[metric.name.replace("ctrl_exec_", ""), ...labels].join(" "), values[0] ?? 0] as const;
  });
  return Object.fromEntries(lines);
}

test("hosts are counted by serial and by their last answer, and the first end of a certificate is known", async () => {
  const first = new Date(Math.floor(fleet.now.getTime() / 1000) * 1000 + 86_400_000);
  await register(
    { ...agent("web-01"), serial_status: "stale", expiry: opensslTime(first) },
    { ...agent("web-02"), serial_status: "pending", expiry: "never" },
    agent("db-01"),
  );
  writeFileSync(fleet.folder.join("control/state/agents/broken.json"), "{");
  const { learned } = fleet.controller.store;
  await learned.learn(new Map([["web-01", {}]]));
  fleet.passDays(2);
  await learned.learn(new Map([["web-02", {}]]));
  const found = await shown();
  expect(found).toMatchObject({
    "agents stale": 1,
    "agents pending": 2,
    "agents unreadable": 1,
    "agent_contacts 1h": 1,
    "agent_contacts 1d": 0,
    "agent_contacts 7d": 1,
    "agent_contacts never": 2,
    "certificate_end_timestamp_seconds agents": first.getTime() / 1000,
    run_locks: 0,
    pairing_queue: 0,
    "rollouts paused": 0,
  });
  expect(found["certificate_end_timestamp_seconds control-host"]).toBeGreaterThan(0);
  expect(found["certificate_end_timestamp_seconds ca"]).toBeGreaterThan(0);
});

test("T34 no host is named, and there is no series for each", async () => {
  const before = Object.keys(await shown()).length;
  await register(...Array.from({ length: 50 }, (_, n) => agent(`secret-${n}`)));
  const all = await fleetGauges(fleet.controller);
  expect(all).toHaveLength(before);
  const text = exposition(all, "classic");
  for (const name of ["secret", "web-0", "db-01", "broken"]) expect(text).not.toContain(name);
});

test("locks are counted, of every process", async () => {
  const { locks } = fleet.controller.store;
  const key = { host: "web-01", port: undefined, script: "deploy" };
  const since = "2026-01-15T12:00:00Z";
  const holder = { ...key, pid: 1, user: "alice", since, reqid: "0123456789abcdef" };
  const taken = await locks.take([{ key, holder }]);
  expect((await shown()).run_locks).toBe(1);
  if (taken.kind === "held") for (const held of taken.held) await held.release();
  expect((await shown()).run_locks).toBe(0);
});

test("what cannot be read is missing, and the rest is there", async () => {
  rmSync(fleet.folder.join("control/ca.crt"));
  const found = await shown();
  expect(Object.keys(found)).not.toContain("certificate_end_timestamp_seconds ca");
  expect(found.run_locks).toBe(0);
});
