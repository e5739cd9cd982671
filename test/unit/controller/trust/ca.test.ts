/** The CA of a control host, and what it signs. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, rmSync, statSync } from "node:fs";
import { paths } from "../../../../src/controller/store/paths.ts";
import {
  setupCa,
  setupController,
  signAgain,
  signHost,
} from "../../../../src/controller/trust/ca.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../../../src/pki/keys.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

const DAY = 86_400_000;

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.bare();
});
afterEach(() => fleet[Symbol.asyncDispose]());

async function publicKey(): Promise<Buffer> {
  return publicKeyBytes(readPrivateKey(await generateKeyPem("ec"), "the key"));
}

const modeOf = (file: string) => statSync(file).mode & 0o777;
const issued = () => readFileSync(paths(fleet.controller.config).issued, "utf8");

describe("a new CA", () => {
  test("has a key that is private, and is made once", async () => {
    const { config } = fleet.controller;
    const { caKey, caCert } = paths(config);
    const made = await setupCa(fleet.controller);
    const { fingerprint } = made.certificate;
    expect(made.files).toEqual({ key: caKey, certificate: caCert });
    expect([modeOf(caKey), modeOf(caCert)]).toEqual([0o600, 0o644]);
    expect(readCertificate(readFileSync(caCert, "utf8"), caCert).fingerprint).toBe(fingerprint);
    expect(fleet.log.of("setup-ca").map(({ fields }) => Object.values(fields))).toEqual([
      [fingerprint],
    ]);
    const before = readFileSync(caKey, "utf8");
    await expect(setupCa(fleet.controller)).rejects.toMatchObject({
      code: "exists",
      message: `Cannot create a CA: ${caCert} exists already`,
      hint: "An existing CA is never overwritten: every certificate of the fleet depends on it.",
    });
    expect(readFileSync(caKey, "utf8")).toBe(before);
  });

  test("takes the place of a key that was left without its certificate", async () => {
    const { caKey, caCert } = paths(fleet.controller.config);
    await setupCa(fleet.controller);
    const before = readFileSync(caKey, "utf8");
    rmSync(caCert);
    await setupCa(fleet.controller);
    expect(readFileSync(caKey, "utf8")).not.toBe(before);
    await setupController(fleet.controller);
  });
});

describe("a signature", () => {
  test("is made for the days that are configured, and noted before anybody has it", async () => {
    await setupCa(fleet.controller);
    const { config } = fleet.controller;
    const now = new Date(Math.floor(fleet.now.getTime() / 1000) * 1000);
    const controller = {
      ...fleet.controller,
      now: () => now,
      config: { ...config, cert_days: 10, cert_backdate: 120 },
    };
    const key = await publicKey();
    const { notBefore, notAfter, serial, commonName } = await signHost(controller, "web-01", key);
    expect(notAfter.getTime()).toBe(now.getTime() + 10 * DAY);
    expect(notBefore.getTime()).toBe(now.getTime() - 120_000);
    expect(issued()).toBe(`${serial} ${notAfter.toISOString().slice(0, 19)}Z ${commonName}\n`);
  });

  test.each(["0a", "7f00", "8000", "ff"])(
    "can be made again under the serial %s, for other days",
    async (serial) => {
      await setupCa(fleet.controller);
      const begin = Math.floor(fleet.now.getTime() / 1000) * 1000;
      const life = { notBefore: new Date(begin - 3 * DAY), notAfter: new Date(begin + 7 * DAY) };
      const first = await signHost(fleet.controller, "web-01", await publicKey());
      const again = await signAgain(fleet.controller, { ...first, serial }, life);
      expect(again.serial).toBe(serial);
      expect(again.publicKey).toEqual(first.publicKey);
      expect(Math.abs(again.notBefore.getTime() - life.notBefore.getTime())).toBeLessThan(2000);
      expect(Math.abs(again.notAfter.getTime() - life.notAfter.getTime())).toBeLessThan(2000);
    },
  );

  test("takes a CA with its own key", async () => {
    const { controller } = fleet;
    const { file, ca_dir } = controller.config;
    await expect(signHost(controller, "web-01", await publicKey())).rejects.toMatchObject({
      code: "config",
      message: `Cannot sign: there is no CA in ${ca_dir}`,
      hint: `Make one first: ctrl-exec setup-ca --config ${file}`,
    });
    await setupCa(controller);
    const { caKey, caCert } = paths(controller.config);
    fleet.folder.write("control/ca.key", await generateKeyPem("ec"), 0o600);
    expect(caKey).toBe(fleet.folder.join("control/ca.key"));
    await expect(signHost(controller, "web-01", await publicKey())).rejects.toMatchObject({
      code: "config",
      message: `Cannot use ${caKey}: it is not the key of ${caCert}`,
      hint: "Restore both from one backup. Nothing was signed.",
    });
  });

  test("T68 is made from the CA's first second on, and before its last", async () => {
    const { notBefore, notAfter } = (await setupCa(fleet.controller)).certificate;
    const key = await publicKey();
    const at = async (time: number) => {
      const controller = { ...fleet.controller, now: () => new Date(time) };
      const made = signHost(controller, "web-01", key);
      return await made.then(
        () => "signed",
        ({ message, hint }) => `${message} ${hint}`,
      );
    };
    expect(await at(notBefore.getTime() - 1000)).toMatch(
      /^Cannot sign: .* is not valid before .* Set the clock if it is behind\./,
    );
    expect(await at(notBefore.getTime())).toBe("signed");
    expect(await at(notAfter.getTime() - 1000)).toBe("signed");
    expect(await at(notAfter.getTime())).toMatch(
      /^Cannot sign: .* ended .* Set the clock if it is ahead\./,
    );
  });
});

test("this host's own certificate is stored with its key, private, and with the copy of it", async () => {
  await setupCa(fleet.controller);
  const { controller } = fleet;
  const { key, cert } = controller.config;
  const { inForce, credentials } = paths(controller.config);
  for (const _ of ["first", "again"]) {
    const { serial, pem } = await setupController(controller);
    expect(loadCredential(controller.config, fleet.now).certificate.serial).toBe(serial);
    expect([key, cert, inForce, credentials].map(modeOf)).toEqual([0o600, 0o644, 0o600, 0o700]);
    expect(readFileSync(inForce, "utf8")).toContain(pem.trim());
    expect(fleet.log.of("setup-ctrl-exec").at(-1)?.fields).toEqual({ SERIAL: serial });
  }
});
