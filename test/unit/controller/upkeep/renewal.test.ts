import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { changeAgents } from "../../../../src/controller/store/registry.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { renewAgents } from "../../../../src/controller/upkeep/renewal.ts";
import { daysBetween, opensslTime } from "../../../../src/core/time.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { makeKey } from "../../../support/openssl.ts";

/** Ten days before its end every certificate is due, whatever its host's name. */
const DUE_DAYS = 355;
/** Lets certificates of the days to come count today. */
const AHEAD = `cert_backdate = ${400 * 86_400}`;

test("an agent's certificate that is due is renewed with the same key, in force without a restart", async () => {
  await using fleet = await LocalFleet.create([AHEAD]);
  const agent = await fleet.addAgent("web-01");
  const old = readCertificate(readFileSync(agent.config.cert, "utf8"), "old");
  const key = readFileSync(agent.config.key, "utf8");
  expect((await maintainOnce(fleet.controller)).renewed).toEqual([]);
  fleet.passDays(DUE_DAYS);
  expect((await maintainOnce(fleet.controller)).renewed).toEqual(["web-01"]);

  const renewed = readCertificate(readFileSync(agent.config.cert, "utf8"), "new");
  expect(renewed.serial).not.toBe(old.serial);
  expect(renewed.publicKey).toEqual(old.publicKey);
  expect(renewed.dnsNames).toEqual(["web-01"]);
  expect(daysBetween(fleet.now, renewed.notAfter)).toBeGreaterThanOrEqual(364);
  expect(readFileSync(agent.config.key, "utf8")).toBe(key);
  expect(await agent.servedSerial()).toBe(renewed.serial);
  expect(fleet.record("web-01")).toMatchObject({
    serial: renewed.serial,
    expiry: opensslTime(renewed.notAfter),
  });
  expect((await maintainOnce(fleet.controller)).renewed).toEqual([]);
});

test.each(["Ed25519", "P-384", "RSA 2048"] as const)(
  "an agent whose key is %s is paired, reached and renewed",
  async (kind) => {
    await using fleet = await LocalFleet.create([AHEAD]);
    const keyPem = readFileSync(fleet.folder.join(makeKey(fleet.folder, kind)), "utf8");
    const agent = await fleet.addAgent("web-01", { keyPem });
    fleet.passDays(DUE_DAYS);
    expect(await maintainOnce(fleet.controller)).toMatchObject({ renewed: ["web-01"] });
    expect(await agent.servedSerial()).toBe(fleet.record("web-01").serial);
    expect(await fleet.pingFailures(["web-01"])).toEqual([]);
    expect(readFileSync(agent.config.key, "utf8")).toBe(keyPem);
  },
);

test("ping renews what is due, and answers as ever", async () => {
  await using fleet = await LocalFleet.create([AHEAD, "cert_renewal_days = 1"]);
  await fleet.addAgent("web-01");
  fleet.passDays(DUE_DAYS);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  expect(fleet.log.of("renew-complete")).toHaveLength(1);
  expect(fleet.record("web-01").renewed).not.toBe("");
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  expect(fleet.log.of("renew-complete")).toHaveLength(1);
});

test("two passes at once renew once", async () => {
  await using fleet = await LocalFleet.create([AHEAD, "cert_renewal_days = 1"]);
  await fleet.addAgent("web-01");
  fleet.passDays(DUE_DAYS);
  const reports = await Promise.all([
    maintainOnce(fleet.controller),
    maintainOnce(fleet.restarted()),
  ]);
  expect(reports.filter(({ busy }) => busy)).toHaveLength(1);
  expect(reports.flatMap(({ renewed }) => renewed)).toEqual(["web-01"]);
  expect(fleet.log.of("renew-complete")).toHaveLength(1);
});

test("a renewal that fails is logged, leaves the old certificate in force, and is tried again", async () => {
  await using fleet = await LocalFleet.create([AHEAD, "cert_renewal_days = 1"]);
  const agent = await fleet.addAgent("web-01");
  const old = readCertificate(readFileSync(agent.config.cert, "utf8"), "old");
  fleet.passDays(DUE_DAYS);
  await agent.stop();
  const { notRenewed } = await maintainOnce(fleet.controller);
  expect(notRenewed.map(({ host }) => host)).toEqual(["web-01"]);
  expect(fleet.log.of("renew").at(-1)).toMatchObject({ level: "err" });
  await agent.start();
  expect(await agent.servedSerial()).toBe(old.serial);
  expect((await maintainOnce(fleet.controller)).renewed).toEqual(["web-01"]);
});

test("an agent that is paired again while it runs shows what it was paired with, which is not due", async () => {
  await using fleet = await LocalFleet.create([AHEAD]);
  const agent = await fleet.addAgent("web-01");
  fleet.passDays(DUE_DAYS);
  await agent.pair();
  const paired = readCertificate(readFileSync(agent.config.cert, "utf8"), "paired");
  expect(await agent.servedSerial()).toBe(paired.serial);
  fleet.passDays(9);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  expect(fleet.log.of("renew-complete")).toEqual([]);
  expect(fleet.record("web-01").expiry).toBe(opensslTime(paired.notAfter));
});

test("T05 a host that answers for another is not given that other's certificate", async () => {
  await using fleet = await LocalFleet.create(["verify_agent_identity = ca"]);
  await fleet.addAgent("web-01");
  const rogue = await fleet.addAgent("rogue");
  await changeAgents(fleet.controller.config, (record) =>
    record.hostname === "web-01" ? { ...record, port: rogue.config.port } : undefined,
  );
  const { renewed, notRenewed } = await renewAgents(fleet.controller, [fleet.record("web-01")]);
  expect(renewed).toEqual([]);
  expect(notRenewed).toEqual([
    { host: "web-01", error: "web-01 answered with the certificate of rogue: refused" },
  ]);
  expect(rogue.log.of("renew")).toEqual([]);
});
