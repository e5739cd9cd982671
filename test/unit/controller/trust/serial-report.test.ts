/** What is known of each agent's knowledge of this host's serial. */
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { writeAgent } from "../../../../src/controller/store/registry.ts";
import { serialReport, statusReader } from "../../../../src/controller/trust/serial-report.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

test("each agent has its state, what it is known to trust, and when it said so", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  expect(await serialReport(controller)).toMatchObject({ agents: [], rotation: undefined });
  const away = await fleet.addAgent("web-01");
  await away.stop();
  const { oldSerial, newSerial, overlapExpires } = await rotateNow(controller);
  const record = fleet.record("web-01");
  writeAgent(controller.config, { ...record, hostname: "web-02", dispatcher_serial: newSerial });
  writeAgent(controller.config, {
    ...record,
    ...{ hostname: "web-03", dispatcher_serial: "", serial_status: "unknown" },
    serial_confirmed: "",
  });
  fleet.folder.write("control/state/agents/web-04.json", "{");
  const { serial_confirmed: confirmed } = record;
  const report = await serialReport(controller);
  expect(report).toMatchObject({
    current: newSerial,
    rotation: { currentSerial: newSerial, previousSerial: oldSerial, overlapExpires },
    agents: [
      { hostname: "web-01", status: "pending", confirmed, serial: oldSerial },
      { hostname: "web-02", status: "pending", confirmed, serial: newSerial },
      { hostname: "web-03", status: "unknown", confirmed: "", serial: "" },
    ],
  });
  expect(report.problems.map(({ message }) => message)).toEqual([
    expect.stringContaining("web-04.json: not JSON"),
  ]);
  fleet.passDays(31);
  expect((await serialReport(controller)).agents[0]?.status).toBe("stale");
  fleet.folder.write("control/state/rotation.json", "{");
  expect((await serialReport(controller)).problems).toHaveLength(2);
});

test("a host without a certificate of its own says of agents what their records say", async () => {
  await using fleet = await LocalFleet.create();
  await (await fleet.addAgent("web-01")).stop();
  const { controller } = fleet;
  const record = { ...fleet.record("web-01"), dispatcher_serial: "0a" };
  const status = async () => (await statusReader(controller))(record);
  expect([record.serial_status, await status()]).toEqual(["current", "pending"]);
  rmSync(controller.config.cert);
  rmSync(controller.config.key);
  expect(await status()).toBe("current");
  const { store } = controller;
  const state = async () => {
    throw new TypeError("undefined is not a function");
  };
  const broken = { ...controller, store: { ...store, rotation: { ...store.rotation, state } } };
  await expect(statusReader(broken)).rejects.toThrow(TypeError);
});
