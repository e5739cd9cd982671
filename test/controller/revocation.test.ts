import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { unpairAgent } from "../../src/controller/agents.ts";
import { paths } from "../../src/controller/controller.ts";
import { changeAgents, findAgent } from "../../src/controller/registry.ts";
import { renewAgents } from "../../src/controller/renewal.ts";
import { LocalFleet } from "../support/local-fleet.ts";

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
  await pretend(fleet, "web-01", rogue.config.port);
  expect(await fleet.pingFailures([address, "web-01"])).toEqual([]);
  const serial = fleet.record("rogue").serial;
  const { revoked } = await unpairAgent(fleet.controller, "rogue", true);
  expect(revoked).toEqual([serial]);
  expect(findAgent(fleet.controller.config, "rogue")).toBeUndefined();
  expect(readFileSync(paths(fleet.controller.config).revoked, "utf8")).toMatch(
    new RegExp(`^# rogue, unpaired .*\n${serial}\n$`),
  );
  const refusal = "answered with the revoked certificate of rogue: refused";
  expect(await fleet.pingFailures([address, "web-01"])).toEqual([
    `127.0.0.1: 127.0.0.1 ${refusal}`,
    `web-01: web-01 ${refusal}`,
  ]);
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

test("a host of 0.8, whose serial no record has, is asked for it; one that is away is not revoked by half", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("old-01");
  const { serial } = fleet.record("old-01");
  const { config } = fleet.controller;
  await changeAgents(config, (record) => ({ ...record, serial: "" }));
  fleet.folder.write("control/state/issued-certificates", "");
  await agent.stop();
  const unpair = () => unpairAgent(fleet.controller, "old-01", true);
  await expect(unpair()).rejects.toThrow("its serial is not known, and it does not answer");
  expect(findAgent(config, "old-01")).toBeDefined();
  await agent.start();
  expect((await unpair()).revoked).toEqual([serial]);
});

test("a line of the list that is no serial stops every dial, and is named", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const file = fleet.folder.write("control/state/revoked-serials", "# list\nnot a serial\n");
  await expect(fleet.pingFailures(["web-01"])).rejects.toThrow(
    `Cannot use ${file}: line 2 is not a serial`,
  );
});
