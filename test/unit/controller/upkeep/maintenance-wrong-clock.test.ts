/** T68: the control host's clock is wrong, and then right again. Sockets, TLS and agents have the right one. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { loadIdentity } from "../../../../src/agent/trust/identity-files.ts";
import type { Controller } from "../../../../src/controller/control-host.ts";
import { approveRequest } from "../../../../src/controller/pairing/desk.ts";
import { submitRequest } from "../../../../src/controller/pairing/queue.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { writeAgent } from "../../../../src/controller/store/registry.ts";
import { readRotation } from "../../../../src/controller/store/rotation-state.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import { serialReport } from "../../../../src/controller/trust/serial-report.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { addDays, daysBetween, isoSeconds, opensslTime } from "../../../../src/core/time.ts";
import { createCsr } from "../../../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../../../src/pki/keys.ts";
import { LocalFleet, ping } from "../../../support/local-fleet.ts";

const TWO_HOURS = 2 / 24;

/** The same control host, with its clock ahead by so many days; negative for one that is behind. */
function ahead(fleet: LocalFleet, days: number): Controller {
  return { ...fleet.controller, now: () => addDays(fleet.now, days) };
}

async function fleetOf(names: readonly string[], lines: readonly string[] = []) {
  const fleet = await LocalFleet.create(lines);
  for (const name of names) await fleet.addAgent(name);
  return fleet;
}

function credentialOf({ controller, now }: LocalFleet) {
  return loadCredential(controller.config, now).certificate;
}

/** Someone asks to be paired; returns the request's id. */
async function request(controller: Controller): Promise<string> {
  const csr = await createCsr("new-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
  const asked = { hostname: "new-01", csr, nonce: "0".repeat(32), port: 7443 };
  const submission = await submitRequest(controller, asked, "127.0.0.1");
  if (submission.kind !== "pending") throw new Error(submission.kind);
  return submission.request.id;
}

describe("T68 what was made while the clock was wrong is repaired", () => {
  test("after a look at +280 days, a host that is paired later is reached", async () => {
    await using fleet = await fleetOf(["web-01"]);
    const looked = await maintainOnce(ahead(fleet, 280));
    expect(looked.rotated).toBeDefined();
    const { serial, notBefore } = credentialOf(fleet);
    expect(daysBetween(fleet.now, notBefore)).toBeGreaterThan(270);
    // Nobody is paired under a certificate that would shut this host out.
    await expect(approveRequest(fleet.controller, await request(fleet.controller))).rejects.toThrow(
      /ctrl-exec\.crt is not valid before/,
    );

    const { mended, problems } = await maintainOnce(fleet.controller);
    expect([mended, problems]).toEqual([[serial], []]);
    const longer = credentialOf(fleet);
    expect(longer.serial).toBe(serial);
    expect(fleet.log.of("cert-mended").map(({ fields }) => fields)).toEqual([
      {
        NOT_AFTER: opensslTime(longer.notAfter),
        NOT_BEFORE: opensslTime(longer.notBefore),
        PATH: fleet.controller.config.cert,
        SERIAL: serial,
      },
    ]);
    await fleet.addAgent("late-01");
    const hosts = ["web-01", "late-01"];
    expect(await fleet.pingFailures(hosts)).toEqual([]);
    expect((await serialReport(fleet.controller)).agents.map(({ status }) => status)).toEqual([
      "current",
      "current",
    ]);
    expect((await maintainOnce(fleet.controller)).mended).toEqual([]);
    await rotateNow(fleet.controller);
    expect(await fleet.runFailures(hosts)).toEqual([]);
  });

  test("rotate-cert reaches a host that trusts nothing but such a certificate", async () => {
    await using fleet = await fleetOf(["web-01", "late-01"]);
    await rotateNow(ahead(fleet, 280));
    const { serial } = credentialOf(fleet);
    // As a control host of 1.0 has paired it.
    fleet.folder.write("late-01/ctrl-exec-serial", `${serial}\n`);
    const record = fleet.record("late-01");
    writeAgent(fleet.controller.config, {
      ...record,
      dispatcher_serial: serial,
      serial_status: "current",
    });
    expect(await fleet.pingFailures(["late-01"])).toHaveLength(1);
    const { confirmed } = await rotateNow(fleet.controller);
    expect([...confirmed].sort()).toEqual(["late-01", "web-01"]);
    expect(await fleet.runFailures(["web-01", "late-01"])).toEqual([]);
  });

  test("a certificate from a clock that was behind, and has ended, is signed again", async () => {
    await using fleet = await fleetOf(["web-01"], [`cert_backdate = ${800 * 86_400}`]);
    await rotateNow(ahead(fleet, -400));
    expect(() => credentialOf(fleet)).toThrow("it expired on");
    const { mended, confirmed } = await maintainOnce(fleet.controller);
    expect(mended).toHaveLength(1);
    expect(confirmed).toEqual(["web-01"]);
    expect(daysBetween(fleet.now, credentialOf(fleet).notAfter)).toBeGreaterThan(360);
    expect(await fleet.runFailures(["web-01"])).toEqual([]);
  });

  test("nothing that counts is lost when it is the present clock that is wrong", async () => {
    await using fleet = await fleetOf(["web-01"], [`cert_backdate = ${800 * 86_400}`]);
    const before = credentialOf(fleet);
    for (const days of [-810, 500]) {
      const { mended } = await maintainOnce(ahead(fleet, days));
      expect([days, mended]).toEqual([days, days < 0 ? [] : [before.serial]]);
      const { serial, notBefore, notAfter } = credentialOf(fleet);
      expect(serial).toBe(before.serial);
      expect(notBefore <= before.notBefore && notAfter >= before.notAfter).toBe(true);
      expect(await fleet.pingFailures(["web-01"])).toEqual([]);
    }
  });

  test("the overlap of such a rotation counts from now, when a host says that the clock is right", async () => {
    await using fleet = await fleetOf(["web-01"]);
    await rotateNow(ahead(fleet, 280));
    const overlap = () => {
      const rotation = readRotation(fleet.controller.config);
      return rotation.kind === "state" ? rotation.state.overlapExpires : undefined;
    };
    expect(daysBetween(fleet.now, overlap() ?? fleet.now)).toBeGreaterThan(300);
    await maintainOnce(fleet.controller);
    expect(daysBetween(fleet.now, overlap() ?? fleet.now)).toBeLessThan(31);
  });

  test("an agent whose record is from ahead gets a new certificate, and its record is true again", async () => {
    await using fleet = await fleetOf(["web-01"]);
    const record = fleet.record("web-01");
    // Approved at +280 days; the agent has refused the answer.
    writeAgent(fleet.controller.config, {
      ...record,
      paired: isoSeconds(addDays(fleet.now, 280)),
      expiry: opensslTime(addDays(fleet.now, 645)),
    });
    expect((await maintainOnce(fleet.controller)).renewed).toEqual(["web-01"]);
    const { certificate } = loadIdentity(fleet.agents[0]?.config ?? raise());
    expect(fleet.record("web-01").expiry).toBe(opensslTime(certificate.notAfter));
    expect((await maintainOnce(fleet.controller)).renewed).toEqual([]);
  });
});

function raise(): never {
  throw new Error("no agent");
}

describe("T68 while the clock is wrong", () => {
  const three = ["web-01", "web-02", "web-03"];

  test("three hosts that disagree stop every signature, and --force goes on", async () => {
    await using fleet = await fleetOf(three);
    const wrong = ahead(fleet, TWO_HOURS);
    const id = await request(wrong);
    const words =
      /^Cannot .*: the clocks of 3 of the 3 hosts that have answered disagree with this host's \(web-0\d is .* behind\)$/;
    const { serial } = credentialOf(fleet);
    await expect(rotateNow(wrong)).rejects.toThrow(words);
    await expect(approveRequest(wrong, id)).rejects.toThrow(words);
    expect(credentialOf(fleet).serial).toBe(serial);
    const offsets = fleet.log.of("clock-differs").map(({ fields }) => Number(fields.OFFSET));
    expect(offsets.length).toBeGreaterThanOrEqual(3);
    for (const offset of offsets) expect(Math.abs(offset + 7200)).toBeLessThan(5);
    expect(fleet.log.of("clock-refuse")[0]).toMatchObject({
      level: "err",
      fields: { DIFFER: 3, SEEN: 3, TASK: "rotate this host's certificate" },
    });
    await approveRequest(wrong, id, { force: true });
    expect((await rotateNow(wrong, true)).newSerial).not.toBe(serial);
  });

  test("the check loop rotates and renews nothing at +280 days, and says so", async () => {
    await using fleet = await fleetOf(three);
    const { serial } = credentialOf(fleet);
    const report = await maintainOnce(ahead(fleet, 280));
    expect(report).toMatchObject({ rotated: undefined, renewed: [], stale: [] });
    expect(report.problems.join("\n")).toMatch(/Cannot rotate .*disagree(.|\n)*Cannot renew/);
    expect(fleet.log.of("maintain-fail").map(({ fields }) => fields.TASK)).toEqual([
      "rotate",
      "renew",
    ]);
    expect(credentialOf(fleet).serial).toBe(serial);
    // A ping answers all the same, and tells.
    const results = await ping(ahead(fleet, 280), three);
    for (const { status, clock_offset = 0 } of results) {
      expect([status, Math.round(clock_offset / 86_400)]).toEqual(["ok", -280]);
    }
    expect(fleet.log.of("renew")).toEqual([]);
  });

  test("what was written down under another clock decides nothing: hosts are asked again", async () => {
    await using fleet = await fleetOf(three);
    expect(await fleet.pingFailures(three)).toEqual([]);
    await expect(rotateNow(ahead(fleet, TWO_HOURS))).rejects.toThrow("disagree");
    await expect(rotateNow(ahead(fleet, -TWO_HOURS))).rejects.toThrow("Cannot rotate");
    await rotateNow(fleet.controller);
  });

  test("when nobody answers, what was seen in the last day decides", async () => {
    await using fleet = await fleetOf(three);
    await ping(ahead(fleet, TWO_HOURS), three);
    for (const agent of fleet.agents) await agent.stop();
    await expect(rotateNow(ahead(fleet, TWO_HOURS + 0.5))).rejects.toThrow("3 of the 3 hosts");
    await rotateNow(ahead(fleet, TWO_HOURS + 1.5));
  });

  test("two hosts stop no signature, but nobody is given up on the word of such a clock", async () => {
    await using fleet = await fleetOf(["web-01", "away-01"]);
    const away = fleet.agents[1] ?? raise();
    await away.stop();
    await rotateNow(ahead(fleet, TWO_HOURS));
    const kept = paths(fleet.controller.config).credentials;
    const later = await maintainOnce(ahead(fleet, 40));
    expect(later.stale).toEqual([]);
    expect(later.problems.join()).toContain("Cannot end the overlap of the rotation");
    // Besides the copy of the one in force.
    expect(readdirSync(kept).filter((name) => name !== "in-force.pem")).toHaveLength(1);
    await away.start();
    const { confirmed } = await maintainOnce(fleet.controller);
    expect([...confirmed].sort()).toEqual(["away-01", "web-01"]);
    expect(await fleet.runFailures(["web-01", "away-01"])).toEqual([]);
  });

  test("a clock that is behind the CA's own beginning signs nothing", async () => {
    await using fleet = await fleetOf([]);
    await expect(rotateNow(ahead(fleet, -30))).rejects.toThrow(
      /Cannot sign: .*ca\.crt is not valid before .*, and this host's clock says /,
    );
  });
});
