/** T68: which certificates of this host are signed again, and for how long. */
import { expect, test } from "bun:test";
import { copyFileSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../../../src/controller/store/paths.ts";
import { makeOwnCredential } from "../../../../src/controller/trust/ca.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import { mendCredentials } from "../../../../src/controller/upkeep/mend-credentials.ts";
import { keep } from "../../../../src/controller/upkeep/rotation.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

const DAY = 86_400_000;
const WHOLE = ["cert_days = 10", "cert_backdate = 86400"];

async function fleetWith(lines: readonly string[] = WHOLE) {
  const fleet = await LocalFleet.create(lines);
  const { controller } = fleet;
  const at = (time: number) => ({ ...controller, now: () => new Date(time) });
  const life = () => {
    const text = readFileSync(controller.config.cert, "utf8");
    const { notBefore, notAfter, serial } = readCertificate(text, "the certificate");
    return { begin: notBefore.getTime(), end: notAfter.getTime(), serial };
  };
  return { fleet, controller, at, life, [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose]() };
}

test("one that is valid is left as it is, from its first second to its last", async () => {
  await using stage = await fleetWith();
  const before = stage.life();
  for (const time of [before.begin, before.end - 1]) {
    expect(await mendCredentials(stage.at(time))).toEqual([]);
  }
  expect([stage.life(), stage.fleet.log.of("cert-mended")]).toEqual([before, []]);
});

test("one that has ended lasts as long as a new one, and counts from when it did", async () => {
  await using stage = await fleetWith();
  const before = stage.life();
  expect(await mendCredentials(stage.at(before.end))).toEqual([before.serial]);
  expect(stage.life()).toEqual({ ...before, end: before.end + 10 * DAY });
  expect(statSync(stage.controller.config.cert).mode & 0o777).toBe(0o644);
});

test("before the CA's own beginning nothing is signed, and nothing is changed", async () => {
  await using stage = await fleetWith();
  const before = stage.life();
  await expect(mendCredentials(stage.at(before.begin - 2 * DAY))).rejects.toThrow("Cannot sign");
  expect(stage.life()).toEqual(before);
});

test("the copies of earlier ones: repaired with their keys if they are not valid yet, and not when they have ended", async () => {
  await using stage = await fleetWith([...WHOLE, "cert_renewal_days = 1"]);
  const { fleet, controller } = stage;
  const { credentials } = paths(controller.config);
  // Made while the clock was five days ahead.
  const ahead = stage.at(fleet.now.getTime() + 5 * DAY);
  const { ca } = loadCredential(controller.config, fleet.now);
  const next = { ...(await makeOwnCredential(ahead)), ca };
  keep(controller, next);
  const { serial, notAfter } = next.certificate;
  const file = join(credentials, `${serial}.pem`);
  expect(await mendCredentials(controller)).toEqual([serial]);
  const text = readFileSync(file, "utf8");
  const mended = readCertificate(text, file);
  expect([mended.serial, mended.notAfter]).toEqual([serial, notAfter]);
  expect(Math.abs(mended.notBefore.getTime() - (fleet.now.getTime() - DAY))).toBeLessThan(2000);
  expect(text).toStartWith(next.keyPem.trim());
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(fleet.log.of("cert-mended").map(({ fields }) => [fields.PATH, fields.SERIAL])).toEqual([
    [file, serial],
  ]);
  // Long after both have ended, only the one in force is signed again.
  const inForce = stage.life().serial;
  expect(await mendCredentials(stage.at(fleet.now.getTime() + 40 * DAY))).toEqual([inForce]);
});

test("what another CA has signed, or what is not named after a serial, is none of its affair", async () => {
  await using stage = await fleetWith();
  await using other = await LocalFleet.create(WHOLE);
  const { config } = stage.controller;
  copyFileSync(other.controller.config.cert, config.cert);
  copyFileSync(other.controller.config.key, config.key);
  expect(await mendCredentials(stage.at(stage.life().end + DAY))).toEqual([]);
  rmSync(config.cert);
  expect(readdirSync(paths(config).credentials)).toEqual(["in-force.pem"]);
  expect(await mendCredentials(stage.at(stage.fleet.now.getTime() + 40 * DAY))).toEqual([]);
});
