import { afterAll, beforeAll, expect, test } from "bun:test";
import { selfPing } from "../../../../src/agent/checks/self-ping.ts";
import { loadTrust } from "../../../../src/agent/trust/trust.ts";
import { VERSION } from "../../../../src/core/version.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { until } from "../../../support/folder.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";
import { openFiles } from "../../../support/processes.ts";

let fleet: LocalFleet;
let agent: LocalAgent;
let other: LocalAgent;
beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01");
  other = await fleet.addAgent("web-02");
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

function pinging(port: number) {
  const steps: string[] = [];
  const reply = selfPing(loadTrust(agent.config), { ...agent.config, port }, "127.0.0.1", {
    onListening: () => steps.push("listening"),
    onHandshake: () => steps.push("handshake"),
  });
  return { steps, reply };
}

test("the running agent is reached with its own certificate, and refuses it as anybody's", async () => {
  const { steps, reply } = pinging(agent.config.port);
  expect(await reply).toEqual({ status: 403, error: "serial mismatch", version: VERSION });
  expect(steps).toEqual(["listening", "handshake"]);
  expect(agent.log.of("self-ping")).toHaveLength(1);
});

const sockets = () => openFiles(process.pid).filter((file) => file.startsWith("socket:")).length;

test("another agent that has the port is told apart before anything is asked", async () => {
  const before = sockets();
  const { steps, reply } = pinging(other.config.port);
  await expect(reply).rejects.toMatchObject({
    code: "untrusted",
    message: `Cannot self-ping: 127.0.0.1:${other.config.port} shows another certificate`,
  });
  expect(steps).toEqual(["listening"]);
  await until("nothing of it is open", () => sockets() <= before);
});

test("one that does not run is to be started, with its own configuration", async () => {
  const port = freePort();
  const { steps, reply } = pinging(port);
  await expect(reply).rejects.toMatchObject({
    code: "unreachable",
    hint: `Is it running? Start it: ctrl-exec-agent serve --config ${agent.config.file}.`,
  });
  expect(steps).toEqual([]);
});
