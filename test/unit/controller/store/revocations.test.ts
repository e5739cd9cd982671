import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpairAgent } from "../../../../src/controller/inventory/unpair.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import {
  changeAgents,
  findAgent,
  lockRegistry,
  removeAgent,
} from "../../../../src/controller/store/registry.ts";
import { addRevoked, liveRevoked } from "../../../../src/controller/store/revocations.ts";
import { signHost } from "../../../../src/controller/trust/ca.ts";
import { renewAgents } from "../../../../src/controller/upkeep/renewal.ts";
import { readSerialLine } from "../../../../src/core/serial.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { until } from "../../../support/folder.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

async function pretend(fleet: LocalFleet, name: string, port: number): Promise<void> {
  await changeAgents(fleet.controller.config, (record) =>
    record.hostname === name ? { ...record, port } : undefined,
  );
}

test("T05 an agent that answers with another agent's certificate is refused, by name", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const rogue = await fleet.addAgent("rogue");
  await pretend(fleet, "web-01", rogue.config.port);
  const refusal = "web-01 answered with the certificate of rogue: refused";
  expect(await fleet.pingFailures(["web-01"])).toEqual([`web-01: ${refusal}`]);
  expect(await fleet.runFailures(["web-01"])).toEqual([`web-01: -1 ${refusal}`]);
  expect(rogue.log.of("ping")).toEqual([]);
  expect(rogue.log.of("run")).toEqual([]);
});

test("unpair --revoke refuses the host from the next dial on, whatever it is called", async () => {
  await using fleet = await LocalFleet.create(["verify_agent_identity = ca"]);
  await fleet.addAgent("web-01");
  const rogue = await fleet.addAgent("rogue");
  const address = `127.0.0.1:${rogue.config.port}`;
  expect(await fleet.pingFailures([address])).toEqual([]);
  await pretend(fleet, "web-01", rogue.config.port);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  const serial = fleet.record("rogue").serial;
  const { revoked } = await unpairAgent(fleet.controller, "rogue", true);
  expect(revoked).toEqual([serial]);
  expect(findAgent(fleet.controller.config, "rogue")).toBeUndefined();
  expect(readFileSync(paths(fleet.controller.config).revoked, "utf8")).toMatch(
    new RegExp(`^# rogue, unpaired .*\n${serial}\n$`),
  );
  const refusal = "answered with the revoked certificate of rogue: refused";
  expect(await fleet.pingFailures([address])).toEqual([`127.0.0.1: 127.0.0.1 ${refusal}`]);
  expect(await fleet.pingFailures(["web-01"])).toEqual([`web-01: web-01 ${refusal}`]);
});

test("every certificate that the host ever had is revoked, those before a renewal too", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const first = fleet.record("web-01").serial;
  await renewAgents(fleet.controller, [fleet.record("web-01")]);
  const second = fleet.record("web-01").serial;
  const { revoked } = await unpairAgent(fleet.controller, "web-01", true);
  expect(revoked).toEqual([first, second]);
});

test("T05 a host that is unpaired while its renewal is under way gets no new certificate", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const before = readFileSync(agent.config.cert, "utf8");
  const renewal = renewAgents(fleet.controller, [fleet.record("web-01")]);
  await unpairAgent(fleet.controller, "web-01", false);
  expect((await renewal).notRenewed).toEqual([
    { host: "web-01", error: "Cannot renew web-01: it was unpaired meanwhile" },
  ]);
  expect(readFileSync(agent.config.cert, "utf8")).toBe(before);
});

test("T05 a certificate that is revoked or replaced while its renewal is under way is not renewed", async () => {
  await using fleet = await LocalFleet.create();
  const agents = [await fleet.addAgent("web-01"), await fleet.addAgent("db-01")];
  const { config } = fleet.controller;
  const records = [fleet.record("web-01"), fleet.record("db-01")];
  const lock = await lockRegistry(config);
  const renewal = renewAgents(fleet.controller, records);
  await until("both are asked", () => agents.every(({ log }) => log.of("renew").length > 0));
  addRevoked(config, [fleet.record("web-01").serial], "by hand");
  const other = { ...fleet.record("db-01"), serial: "0a" };
  writeFileSync(join(paths(config).agents, "db-01.json"), JSON.stringify(other));
  lock.release();
  const { renewed, notRenewed } = await renewal;
  expect(renewed).toEqual([]);
  expect(notRenewed.map(({ error }) => error).sort()).toEqual([
    "Cannot renew db-01: it was given another certificate meanwhile",
    "Cannot renew web-01: its certificate was revoked meanwhile",
  ]);
});

test("T05 a host whose record is damaged while its renewal is under way gets no new certificate", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const lock = await lockRegistry(fleet.controller.config);
  const renewal = renewAgents(fleet.controller, [fleet.record("web-01")]);
  await until("the agent is asked", () => agent.log.of("renew").length > 0);
  writeFileSync(join(paths(fleet.controller.config).agents, "web-01.json"), "{");
  lock.release();
  expect((await renewal).notRenewed).toEqual([
    { host: "web-01", error: "Cannot renew web-01: its record was damaged meanwhile" },
  ]);
});

test("T05 a renewal signs nothing while somebody else holds the registry", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const other = await fleet.addAgent("db-01");
  const issued = () => readFileSync(paths(fleet.controller.config).issued, "utf8");
  const before = issued();
  const lock = await lockRegistry(fleet.controller.config);
  const renewal = renewAgents(fleet.controller, [fleet.record("web-01")]);
  await until("the agent is asked", () => agent.log.of("renew").length > 0);
  // Longer than signing takes.
  for (let time = 0; time < 20; time++) await other.servedSerial();
  expect(issued()).toBe(before);
  removeAgent(fleet.controller.config, "web-01");
  lock.release();
  expect((await renewal).notRenewed).toEqual([
    { host: "web-01", error: "Cannot renew web-01: it was unpaired meanwhile" },
  ]);
  expect(issued()).toBe(before);
});

test("T05 a certificate that is signed while unpair waits for its turn is revoked with the others", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const { publicKey } = readCertificate(readFileSync(agent.config.cert, "utf8"), "present");
  const first = fleet.record("web-01").serial;
  const lock = await lockRegistry(fleet.controller.config);
  const unpairing = unpairAgent(fleet.controller, "web-01", true);
  const { serial } = await signHost(fleet.controller, "web-01", publicKey);
  lock.release();
  expect((await unpairing).revoked).toEqual([first, serial]);
});

test("a host whose record is damaged can be unpaired, and revoked by what was issued to it", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const { serial } = fleet.record("web-01");
  const { agents } = paths(fleet.controller.config);
  writeFileSync(join(agents, "web-01.json"), "{");
  expect(await unpairAgent(fleet.controller, "Web-01", true)).toMatchObject({
    hostname: "web-01",
    revoked: [serial],
  });
  writeFileSync(join(agents, "web-02.json"), "{");
  const unpair = (revoke: boolean) => unpairAgent(fleet.controller, "web-02", revoke);
  await expect(unpair(true)).rejects.toThrow("its serial is not known, and its record is damaged");
  expect((await unpair(false)).revoked).toEqual([]);
  expect(readdirSync(agents)).toEqual([]);
});

test("a host of 0.8, whose serial no record has, is asked for it; one that is away is not revoked by half", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("old-01");
  const { serial } = fleet.record("old-01");
  const { config } = fleet.controller;
  await changeAgents(config, (record) => ({ ...record, serial: "" }));
  fleet.folder.write("control/state/issued-certificates", "");
  await agent.stop();
  const unpair = () => unpairAgent(fleet.controller, "old-01", true);
  await expect(unpair()).rejects.toThrow(
    /its serial is not known, and connection refused by .*: no agent is listening there$/,
  );
  expect(findAgent(config, "old-01")).toBeDefined();
  await agent.start();
  expect((await unpair()).revoked).toEqual([serial]);
});

test("the certificate that 0.8 gave a host is revoked with the one that has taken its place", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("old-01");
  const { serial: first } = fleet.record("old-01");
  await changeAgents(fleet.controller.config, (record) => ({ ...record, serial: "" }));
  fleet.folder.write("control/state/issued-certificates", "");
  await renewAgents(fleet.controller, [fleet.record("old-01")]);
  const { serial: second } = fleet.record("old-01");
  const { revoked } = await unpairAgent(fleet.controller, "old-01", true);
  expect(revoked).toEqual([first, second]);
});

test("a line of the list that is not a serial stops every dial, and is named", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const file = fleet.folder.write("control/state/revoked-serials", "# list\nnot a serial\n");
  await expect(fleet.pingFailures(["web-01"])).rejects.toThrow(
    `Cannot use ${file}: line 2 is not a serial`,
  );
});

test("T02 a list that is asked again says what it says by then, and never less because it cannot be read", async () => {
  await using fleet = await LocalFleet.bare();
  const { config } = fleet.controller;
  const [one, two] = ["01", "02"].map((text) => readSerialLine(text) ?? "");
  const list = liveRevoked(config);
  expect(list.has(one ?? "")).toBe(false);
  addRevoked(config, [one ?? ""], "x");
  expect([list.has(one ?? ""), list.has(two ?? "")]).toEqual([true, false]);
  writeFileSync(paths(config).revoked, "no serial\n");
  expect([list.has(one ?? ""), list.has(two ?? "")]).toEqual([true, false]);
  writeFileSync(paths(config).revoked, "02\n");
  expect([list.has(one ?? ""), list.has(two ?? "")]).toEqual([false, true]);
});
