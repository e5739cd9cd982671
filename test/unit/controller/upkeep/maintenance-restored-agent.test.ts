/** An agent that is put back as it was: it knows this control host by a serial of long ago. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { tryLockMaintenance } from "../../../../src/controller/store/maintenance-lock.ts";
import { serialReport } from "../../../../src/controller/trust/serial-report.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { opensslTime } from "../../../../src/core/time.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

/** Lets certificates of the days to come count today. */
const AHEAD = `cert_backdate = ${60 * 86_400}`;

/** The agent as it was when it knew the serial: its files are put back, and it starts again. */
async function restoreFrom(agent: LocalAgent, serial: string): Promise<void> {
  await agent.stop();
  agent.fleet.folder.write(`${agent.name}/ctrl-exec-serial`, `${serial}\n`);
  await agent.start();
}

test("an agent restored from a backup two rotations old is pending, then stale, and a new pairing cures it", async () => {
  await using fleet = await LocalFleet.create([AHEAD]);
  const { controller } = fleet;
  const agent = await fleet.addAgent("web-01");
  const { oldSerial } = await rotateNow(controller);
  await maintainOnce(controller);
  await rotateNow(controller);
  await maintainOnce(controller);
  const statusOf = async () => (await serialReport(controller)).agents[0]?.status;
  expect(await statusOf()).toBe("current");

  await restoreFrom(agent, oldSerial);
  expect(await fleet.pingFailures(["web-01"])).toEqual(["web-01: serial mismatch"]);
  expect(await statusOf()).toBe("pending");
  expect(await maintainOnce(controller)).toMatchObject({
    pending: [{ host: "web-01", error: "serial mismatch" }],
    stale: [],
  });
  expect(await statusOf()).toBe("pending");
  fleet.passDays(31);
  expect((await maintainOnce(controller)).stale).toEqual(["web-01"]);
  // And again until it is paired; the log has it once.
  expect((await maintainOnce(controller)).stale).toEqual(["web-01"]);
  expect(fleet.log.of("serial-stale")).toHaveLength(1);
  expect(await fleet.pingFailures(["web-01"])).toEqual(["web-01: serial mismatch"]);
  expect(await statusOf()).toBe("stale");

  await agent.pair();
  expect(await statusOf()).toBe("current");
  await agent.restart();
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
  await rotateNow(controller);
  expect(await statusOf()).toBe("current");
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
});

/** Its certificates are valid on the days that pass. */
async function oldEnoughFleet(): Promise<LocalFleet> {
  return await LocalFleet.create([`cert_backdate = ${800 * 86_400}`]);
}

/** An agent that was renewed, and put back with its certificate from before that. */
async function withItsOldCertificate(fleet: LocalFleet) {
  const agent = await fleet.addAgent("web-01");
  const old = readFileSync(agent.config.cert, "utf8");
  fleet.passDays(355);
  expect((await maintainOnce(fleet.controller)).renewed).toEqual(["web-01"]);
  await agent.stop();
  fleet.folder.write("web-01/agent.crt", old);
  await agent.start();
  return { agent, old };
}

test("an agent restored with a certificate from before its renewal is renewed again, not left to expire", async () => {
  await using fleet = await oldEnoughFleet();
  const { agent, old } = await withItsOldCertificate(fleet);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  expect(fleet.log.of("renew-complete")).toHaveLength(2);
  expect(readFileSync(agent.config.cert, "utf8")).not.toBe(old);
  const { notAfter } = readCertificate(readFileSync(agent.config.cert, "utf8"), "the certificate");
  expect(fleet.record("web-01").expiry).toBe(opensslTime(notAfter));
  await fleet.pingFailures(["web-01"]);
  expect(fleet.log.of("renew-complete")).toHaveLength(2);
});

test("a restored agent that cannot be renewed at once is renewed by the check loop", async () => {
  await using fleet = await oldEnoughFleet();
  const { controller } = fleet;
  await withItsOldCertificate(fleet);
  const lock = tryLockMaintenance(controller.config);
  await fleet.pingFailures(["web-01"]);
  lock?.release();
  expect((await maintainOnce(controller)).renewed).toEqual(["web-01"]);
});

test("a restored agent that knows a serial which is kept for another one is told again by itself", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await (await fleet.addAgent("db-01")).stop();
  const { oldSerial } = await rotateNow(fleet.controller);
  await rotateNow(fleet.controller);
  await restoreFrom(agent, oldSerial);
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
  expect(fleet.record("web-01")).toMatchObject({
    dispatcher_serial: oldSerial,
    serial_status: "pending",
  });
  expect((await maintainOnce(fleet.controller)).confirmed).toEqual(["web-01"]);
  expect(fleet.record("web-01").serial_status).toBe("current");
});
