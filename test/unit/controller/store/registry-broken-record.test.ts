/** One record of many is damaged: that host fails alone, and is not taken for a stranger (T05). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { editAgent } from "../../../../src/controller/inventory/agents.ts";
import { discoverHosts } from "../../../../src/controller/inventory/discovery.ts";
import { startRun } from "../../../../src/controller/runs/start-run.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { renewAgents } from "../../../../src/controller/upkeep/renewal.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { CALLER, LocalFleet, ping } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let file: string;
const SOUND = ["db-01", "mail-01"];

beforeAll(async () => {
  fleet = await LocalFleet.create();
  for (const name of ["web-01", ...SOUND]) await fleet.addAgent(name);
  file = fleet.folder.write("control/state/agents/web-01.json", "{ cut");
});

afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

function problem(): string {
  return `Cannot use ${file}: not JSON. Restore it from a backup, or pair web-01 again`;
}

/** Neither a connection nor a request of any kind. */
function expectUntouched(): void {
  expect(fleet.agents[0]?.log.events.map(({ action }) => action)).toEqual(["start"]);
}

for (const policy of ["registry", "strict", "ca"] as const) {
  test(`T05 run and ping under ${policy}: the host fails alone, by name, and is not dialled`, async () => {
    const { config } = fleet.controller;
    const controller = {
      ...fleet.controller,
      config: { ...config, verify_agent_identity: policy },
    };
    // The name does not resolve: its port says that it would be reached, were it dialled.
    const port = fleet.agents[0]?.config.port;
    const hosts = [`web-01:${port}`, ...SOUND];
    const order = { hosts, port: undefined, script: "count", args: [] };
    const { results } = await (await startRun(controller, CALLER, order, () => undefined)).finished;
    expect(results).toMatchObject([
      { host: "web-01", exit: -1, error: problem() },
      { host: "db-01", exit: 0 },
      { host: "mail-01", exit: 0 },
    ]);
    const pinged = await ping(controller, hosts);
    expect(pinged).toMatchObject([
      { host: "web-01", status: "error", error: problem() },
      { host: "db-01", status: "ok" },
      { host: "mail-01", status: "ok" },
    ]);
    expectUntouched();
  });
}

test("a host that is not dialled takes no lock", () => {
  const locked = fleet.log.of("lock-acquire").map(({ fields }) => fields.HOST);
  expect(new Set(locked)).toEqual(new Set(SOUND));
});

test("discovery, of named hosts and of all, has a result for it, and a line in the log", async () => {
  for (const typed of [undefined, ["db-01", "mail-01", "Web-01"]]) {
    fleet.log.events.length = 0;
    const found = await discoverHosts(
      fleet.controller,
      CALLER,
      typed && { hosts: typed, port: undefined },
    );
    expect(found).toMatchObject([
      { host: "db-01", status: "ok" },
      { host: "mail-01", status: "ok" },
      { host: typed?.[2] ?? "web-01", status: "error", error: problem() },
    ]);
    const lines = fleet.log.of("capabilities");
    expect(lines.map(({ level }) => level).toSorted()).toEqual(["err", "info", "info"]);
    expect(lines.flatMap(({ fields }) => fields.ERROR ?? [])).toEqual([problem()]);
  }
  expectUntouched();
});

test("a rotation goes on without it, and says so; a renewal signs nothing for it", async () => {
  const report = await rotateNow(fleet.controller);
  expect(report.confirmed).toEqual(expect.arrayContaining(SOUND));
  expect((await maintainOnce(fleet.controller)).problems).toEqual([problem()]);
  const record = { ...fleet.record("db-01"), hostname: "web-01" };
  const { renewed, notRenewed } = await renewAgents(fleet.controller, [record]);
  expect(renewed).toEqual([]);
  expect(notRenewed).toEqual([{ host: "web-01", error: problem() }]);
  expectUntouched();
});

test("edit-agent refuses it; pairing it again cures it, and the operator is told", async () => {
  await expect(editAgent(fleet.controller, "web-01", { ip: "192.0.2.1" })).rejects.toMatchObject({
    code: "config",
    message: `Cannot use ${file}: not JSON`,
  });
  await fleet.agents[0]?.pair();
  await fleet.agents[0]?.restart();
  expect(await fleet.runFailures(["web-01", ...SOUND])).toEqual([]);
});
