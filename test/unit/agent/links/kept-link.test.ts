/** An agent and its hub over the agent's life: rotations, restarts, hubs that come and go. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { startHubPort } from "../../../../src/api/hub-port.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import type { Hub } from "../../../../src/hub/hub.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { until } from "../../../support/folder.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let hub: Hub;
let agent: LocalAgent;

beforeEach(async () => {
  const port = freePort();
  fleet = await LocalFleet.create(["hub = on", "hub_bind = 127.0.0.1", `hub_port = ${port}`]);
  hub = await startHubPort(() => fleet.controller);
  agent = await fleet.addAgent("web-01", { lines: ["listen = no", `connect = 127.0.0.1:${port}`] });
  await connected(1);
});
afterEach(async () => {
  hub.close();
  await fleet[Symbol.asyncDispose]();
});

/** @param times so far */
const connected = (times: number) => {
  return until("it is connected", () => agent.log.of("hub-up").length === times);
};
const gone = () => until("it is gone", () => hub.agents === 0);

test("T63 a rotation reaches an agent that opens no port, and one that was off at the time", async () => {
  expect((await rotateNow(fleet.controller)).confirmed).toEqual(["web-01"]);
  await agent.restart();
  await connected(2);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  await agent.stop();
  await gone();
  expect((await rotateNow(fleet.controller, true)).confirmed).toEqual([]);
  // It knows the old serial alone: the hub shows the certificate that it asks for.
  await agent.start();
  await connected(3);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  expect(agent.log.of("hub-down")).toEqual([]);
});

test("when it stops, or another hub is configured, its connection is closed", async () => {
  await agent.stop();
  await gone();
  await agent.start();
  await connected(2);
  const { connect } = agent.config;
  Object.assign(agent.config, { connect: [] });
  await agent.reload();
  await gone();
  Object.assign(agent.config, { connect });
  await agent.reload();
  await connected(3);
  expect(agent.log.of("hub-down")).toEqual([]);
});

test("a control host that has no hub any more says so, and why a host cannot be called", async () => {
  hub.close();
  const [told] = await fleet.pingFailures(["web-01"]);
  expect(told).toContain("Cannot reach the hub 127.0.0.1");
  await until("the agent has noticed", () => agent.log.of("hub-down").length === 1);
});
