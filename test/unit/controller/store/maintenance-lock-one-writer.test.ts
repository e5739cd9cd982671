/**
 * T30: whoever changes what another may be changing waits for it, and reads what it has left. The test
 * is the other one: it holds the lock, and what it read before is what it writes.
 */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { editAgent } from "../../../../src/controller/inventory/agents.ts";
import { pruneIssued } from "../../../../src/controller/store/issued.ts";
import { tryLockMaintenance } from "../../../../src/controller/store/maintenance-lock.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import {
  changeAgents,
  lockRegistry,
  writeAgent,
} from "../../../../src/controller/store/registry.ts";
import { setupController } from "../../../../src/controller/trust/ca.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { takeLock } from "../../../../src/system/files/lock.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

/** Longer than any of the work here takes that does not wait. */
async function meanwhile(agent: LocalAgent): Promise<void> {
  for (let time = 0; time < 20; time++) await agent.servedSerial();
}

for (const [name, change] of [
  [
    "edit-agent",
    ({ controller }: LocalFleet) => editAgent(controller, "web-01", { ip: "192.0.2.1" }),
  ],
  [
    "a change of many records",
    ({ controller }: LocalFleet) =>
      changeAgents(controller.config, (agent) => ({ ...agent, ip: "192.0.2.1" })),
  ],
] as const) {
  test(`T30 ${name} loses nothing of what another was writing`, async () => {
    await using fleet = await LocalFleet.create();
    const agent = await fleet.addAgent("web-01");
    const { config } = fleet.controller;
    const lock = await lockRegistry(config);
    const record = fleet.record("web-01");
    const changing = change(fleet);
    await meanwhile(agent);
    writeAgent(config, { ...record, port: 7450 });
    lock.release();
    await changing;
    expect(fleet.record("web-01")).toMatchObject({ ip: "192.0.2.1", port: 7450 });
  });
}

test("T30 what is issued while old lines are dropped is noted all the same", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const { config } = fleet.controller;
  const { issued, locks } = paths(config);
  const old = "4a 2020-01-01T00:00:00Z old-01\n";
  writeFileSync(issued, old);
  const lock = await takeLock(join(locks, ".issued"));
  const text = readFileSync(issued, "utf8");
  const pruning = pruneIssued(config, fleet.now);
  await meanwhile(agent);
  const line = "4b 2099-01-01T00:00:00Z web-01\n";
  writeFileSync(issued, `${text}${line}`);
  lock.release();
  await pruning;
  expect(readFileSync(issued, "utf8")).toBe(line);
});

test("T30 rotate-cert waits for a pass of the check loop", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const { rotation } = paths(fleet.controller.config);
  const lock = tryLockMaintenance(fleet.controller.config);
  const rotating = rotateNow(fleet.controller);
  await meanwhile(agent);
  expect(existsSync(rotation)).toBe(false);
  expect((await maintainOnce(fleet.restarted())).busy).toBe(true);
  lock?.release();
  expect((await rotating).confirmed).toEqual(["web-01"]);
});

test("T30 setup-ctrl-exec waits for a rotation: key and certificate are of one of them", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const { key, cert } = fleet.controller.config;
  const pair = () => [key, cert].map((file) => readFileSync(file, "utf8"));
  const before = pair();
  const lock = tryLockMaintenance(fleet.controller.config);
  const setting = setupController(fleet.controller);
  await meanwhile(agent);
  expect(pair()).toEqual(before);
  lock?.release();
  const { pem } = await setting;
  expect(pair()[1]).toBe(pem);
});

test("T30 ping leaves the renewal to a pass that is under way", async () => {
  await using fleet = await LocalFleet.create([`cert_backdate = ${400 * 86_400}`]);
  await fleet.addAgent("web-01");
  fleet.passDays(355);
  const lock = tryLockMaintenance(fleet.controller.config);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  expect(fleet.log.of("renew")).toEqual([]);
  lock?.release();
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  expect(fleet.log.of("renew-complete")).toHaveLength(1);
});
