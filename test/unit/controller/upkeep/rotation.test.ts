import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../../../src/controller/store/paths.ts";
import { loadCredentials } from "../../../../src/controller/trust/credential.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { planRotation } from "../../../../src/controller/upkeep/rotation.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

function runs(path: string): number {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
}

test("rotate tells the agents under the old serial, and they forget it when the new one has called", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const report = await rotateNow(fleet.controller);
  expect(report).toMatchObject({ confirmed: ["web-01"], pending: [], agents: 1 });
  expect(readFileSync(agent.path("ctrl-exec-serial"), "utf8")).toBe(`${report.newSerial}\n`);
  expect(existsSync(agent.path("ctrl-exec-serial.previous"))).toBe(false);
  expect(fleet.record("web-01")).toMatchObject({
    serial_status: "current",
    dispatcher_serial: report.newSerial,
  });
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  expect(agent.log.of("serial-reject")).toEqual([]);
});

test("an agent that was away is spoken to under the old serial, runs once, and is told later", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const away = await fleet.addAgent("db-01");
  await away.stop();
  const report = await rotateNow(fleet.controller);
  expect(report.confirmed).toEqual(["web-01"]);
  expect(report.pending.map(({ host }) => host)).toEqual(["db-01"]);
  await away.start();
  expect(await fleet.pingFailures(["web-01", "db-01"])).toEqual([]);
  expect(await fleet.runFailures(["web-01", "db-01"])).toEqual([]);
  expect(runs(away.path("runs"))).toBe(1);
  expect(away.log.of("serial-reject")).toEqual([]);
  const { confirmed } = await maintainOnce(fleet.controller);
  expect(confirmed).toEqual(["db-01"]);
  expect(await fleet.runFailures(["web-01", "db-01"])).toEqual([]);
});

test("an agent that refuses the serial its record names is asked under the other, and runs once", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const { newSerial } = await rotateNow(fleet.controller);
  // As after a crash between the agent's answer and the record.
  fleet.folder.write("web-01/ctrl-exec-serial", `${newSerial}\n`);
  await agent.start();
  expect(fleet.record("web-01").serial_status).toBe("pending");
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
  expect(runs(agent.path("runs"))).toBe(1);
  expect(agent.log.of("serial-reject")).toHaveLength(1);
  expect(fleet.record("web-01")).toMatchObject({
    serial_status: "current",
    dispatcher_serial: newSerial,
  });
});

test("0.8's own update script, which keeps no previous serial, works as well", async () => {
  await using fleet = await LocalFleet.create();
  const target = fleet.folder.join("old-01", "ctrl-exec-serial");
  await fleet.addAgent("old-01", { updateScript: `cat >/dev/null; echo "$1" > ${target}` });
  const { confirmed } = await rotateNow(fleet.controller);
  expect(confirmed).toEqual(["old-01"]);
  expect(await fleet.runFailures(["old-01"])).toEqual([]);
});

test("an agent that cannot store the serial stays pending and reachable until it is stale", async () => {
  await using fleet = await LocalFleet.create(["cert_overlap_days = 30"]);
  await fleet.addAgent("web-01", { updateScript: "cat >/dev/null; echo no >&2; exit 1" });
  const { pending } = await rotateNow(fleet.controller);
  expect(pending).toEqual([{ host: "web-01", error: "update-ctrl-exec-serial ended with 1: no" }]);
  fleet.passDays(29);
  expect((await maintainOnce(fleet.controller)).stale).toEqual([]);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  fleet.passDays(2);
  expect((await maintainOnce(fleet.controller)).stale).toEqual(["web-01"]);
  expect(fleet.record("web-01").serial_status).toBe("stale");
  expect(fleet.log.of("serial-stale")).toHaveLength(1);
  expect(await fleet.pingFailures(["web-01"])).toEqual(["web-01: serial mismatch"]);
  expect(readdirSync(paths(fleet.controller.config).credentials)).toEqual(["in-force.pem"]);
});

test("after an overlap that nobody looked at, agents are told before they are given up", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  await rotateNow(fleet.controller);
  fleet.passDays(60);
  await agent.start();
  expect(await maintainOnce(fleet.controller)).toMatchObject({ confirmed: ["web-01"], stale: [] });
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
});

test("a clock that jumps years ahead gives up nobody, and forgets nothing that was issued", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  await rotateNow(fleet.controller);
  const issued = () => readFileSync(paths(fleet.controller.config).issued, "utf8");
  const before = issued();
  fleet.passDays(7300);
  expect((await maintainOnce(fleet.controller)).problems).not.toEqual([]);
  fleet.passDays(-7300);
  await agent.start();
  expect(issued()).toBe(before);
  expect((await maintainOnce(fleet.controller)).confirmed).toEqual(["web-01"]);
});

test("two rotations while an agent is away leave it reachable", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  await rotateNow(fleet.controller);
  await rotateNow(fleet.controller);
  await agent.start();
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
  await maintainOnce(fleet.controller);
  expect(fleet.record("web-01").serial_status).toBe("current");
});

test("an agent that refuses only the new serial keeps the one its record names", async () => {
  await using fleet = await LocalFleet.create();
  // Says that it has written the serial, and has not.
  await fleet.addAgent("web-01", { updateScript: "cat >/dev/null" });
  const { oldSerial, pending } = await rotateNow(fleet.controller);
  expect(pending).toEqual([{ host: "web-01", error: "serial mismatch" }]);
  expect(fleet.record("web-01")).toMatchObject({
    dispatcher_serial: oldSerial,
    serial_status: "pending",
  });
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
});

test("a host paired in the middle of a rotation is given the serial in force", async () => {
  await using fleet = await LocalFleet.create();
  const plan = await planRotation(fleet.controller);
  for (const step of plan.steps.slice(0, 3)) await step.run();
  const agent = await fleet.addAgent("web-01");
  expect(readFileSync(agent.path("ctrl-exec-serial"), "utf8")).toBe(`${plan.newSerial}\n`);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
});

const STEPS = [
  "keep the old",
  "stage the new",
  "commit",
  "mark",
  "put the key in place",
  "put the certificate in place",
  "keep the copy",
];

for (const [index, name] of STEPS.entries()) {
  test(`T10 a crash after "${name}" leaves every agent reachable, and the rotation finishes`, async () => {
    await using fleet = await LocalFleet.create();
    await fleet.addAgent("web-01");
    await fleet.addAgent("db-01");
    const plan = await planRotation(fleet.controller);
    expect(plan.steps.map((step) => step.name)).toEqual(STEPS);
    for (const step of plan.steps.slice(0, index + 1)) await step.run();
    const after = fleet.restarted();
    expect(await fleet.pingFailures(["web-01", "db-01"], after)).toEqual([]);
    expect(await fleet.runFailures(["web-01", "db-01"], after)).toEqual([]);
    const report = await maintainOnce(after);
    expect(report.problems).toEqual([]);
    const { current } = loadCredentials(after.config, fleet.now);
    const committed = index >= STEPS.indexOf("commit");
    expect(current.certificate.serial).toBe(committed ? plan.newSerial : plan.oldSerial);
    for (const host of ["web-01", "db-01"]) {
      expect(fleet.record(host)).toMatchObject({
        serial_status: "current",
        dispatcher_serial: current.certificate.serial,
      });
    }
    // Without the copies in credentials/, the files in place hold a pair that fits.
    if (committed) {
      const copy = join(paths(after.config).credentials, `${plan.newSerial}.pem`);
      expect(existsSync(copy)).toBe(false);
    }
    expect(await fleet.runFailures(["web-01", "db-01"], after)).toEqual([]);
  });
}

test("a corrupt rotation.json is logged, locks nobody out, and deletes nothing", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  await rotateNow(fleet.controller);
  await agent.start();
  fleet.folder.write("control/state/rotation.json", "{ cut");
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  await maintainOnce(fleet.controller);
  expect(fleet.log.of("rotation-state-corrupt")[0]).toMatchObject({
    level: "err",
    fields: { REASON: "not JSON" },
  });
  expect(readdirSync(paths(fleet.controller.config).credentials)).toHaveLength(2);
  expect(fleet.record("web-01").serial_status).toBe("current");
});

for (const [index, name] of STEPS.entries()) {
  test(`a rotation.json that is cut after "${name}" locks nobody out, and the next rotation writes it again`, async () => {
    await using fleet = await LocalFleet.create();
    await fleet.addAgent("web-01");
    const away = await fleet.addAgent("db-01");
    await away.stop();
    const plan = await planRotation(fleet.controller);
    for (const step of plan.steps.slice(0, index + 1)) await step.run();
    const file = fleet.folder.write("control/state/rotation.json", "{ cut");
    const after = fleet.restarted();
    expect(await fleet.runFailures(["web-01"], after)).toEqual([]);
    const { problems } = await maintainOnce(after);
    expect(problems).toEqual([
      `Cannot use ${file}: not JSON. Restore it from a backup, or rotate again, which loses no agent: ctrl-exec rotate-cert --config ${fleet.controller.config.file}`,
    ]);
    expect(await fleet.runFailures(["web-01"], after)).toEqual([]);

    const report = await rotateNow(after);
    expect(report.problems.map(({ message }) => message)).toEqual([`Cannot use ${file}: not JSON`]);
    expect(report.confirmed).toEqual(["web-01"]);
    await away.start();
    expect(await fleet.runFailures(["web-01", "db-01"], after)).toEqual([]);
    expect(await maintainOnce(after)).toMatchObject({ confirmed: ["db-01"], problems: [] });
    for (const host of ["web-01", "db-01"]) {
      expect(fleet.record(host)).toMatchObject({
        serial_status: "current",
        dispatcher_serial: report.newSerial,
      });
    }
  });
}

test("a credential that only an agent with a damaged record may know is kept during the overlap", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const { oldSerial } = await rotateNow(fleet.controller);
  const path = "control/state/agents/web-01.json";
  const record = readFileSync(fleet.folder.join(path), "utf8");
  fleet.folder.write(path, "{ cut");
  await rotateNow(fleet.controller);
  await maintainOnce(fleet.controller);
  expect(readdirSync(paths(fleet.controller.config).credentials)).toContain(`${oldSerial}.pem`);
  // Restored from a backup, the agent is where it was.
  fleet.folder.write(path, record);
  await agent.start();
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
});
