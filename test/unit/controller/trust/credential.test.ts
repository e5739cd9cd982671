/** The control host's own credential: what counts as one, and what is lost for good. */
import { expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../../../src/controller/store/paths.ts";
import { setupCa, setupController } from "../../../../src/controller/trust/ca.ts";
import {
  keptSerial,
  loadCredential,
  loadCredentials,
  lossOfCredential,
  pairingCredential,
  replacementProblems,
  requireSetUp,
} from "../../../../src/controller/trust/credential.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { planRotation } from "../../../../src/controller/upkeep/rotation.ts";
import { opensslTime } from "../../../../src/core/time.ts";
import { generateKeyPem } from "../../../../src/pki/keys.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

/** Expects the fault on loading, and that it means a loss. */
function expectLost({ controller, now }: LocalFleet, words: string): void {
  const { config } = controller;
  expect(() => loadCredentials(config, now)).toThrow(
    expect.objectContaining({ code: "config", message: expect.stringContaining(words) }),
  );
  expect(lossOfCredential(config, now)).toContain(words);
}

async function anotherHost(): Promise<LocalFleet> {
  const other = await LocalFleet.bare();
  await setupCa(other.controller);
  await setupController(other.controller);
  return other;
}

test("a sound one is loaded, and nothing is lost", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  expect(loadCredentials(config, fleet.now).others).toEqual([]);
  expect(lossOfCredential(config, fleet.now)).toBeUndefined();
});

test("T09 one that has expired is named, and is not a loss: it can be signed again", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  fleet.passDays(364);
  expect(loadCredentials(config, fleet.now).others).toEqual([]);
  fleet.passDays(2);
  expect(() => loadCredentials(config, fleet.now)).toThrow(
    expect.objectContaining({
      code: "config",
      message: expect.stringContaining("ctrl-exec.crt: it expired on "),
      hint: `This host's clock says ${opensslTime(fleet.now)}: set it if that is wrong. If it is right, sign the certificate again, which loses no agent: ctrl-exec maintain --config ${config.file}`,
    }),
  );
  expect(lossOfCredential(config, fleet.now)).toBeUndefined();
});

test("T09 one of another CA, though both CAs have one name", async () => {
  await using fleet = await LocalFleet.create();
  await using other = await anotherHost();
  copyFileSync(other.controller.config.cert, fleet.controller.config.cert);
  copyFileSync(other.controller.config.key, fleet.controller.config.key);
  expectLost(fleet, "ca.crt did not sign it");
});

test("T09 a key of another certificate", async () => {
  await using fleet = await LocalFleet.create();
  fleet.folder.write("control/ctrl-exec.key", await generateKeyPem("ec"), 0o600);
  expectLost(fleet, "it is not the key of");
});

test("T09 a kept one whose key and certificate do not match is named, and is not a loss of the present", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const certificate = readFileSync(config.cert, "utf8");
  const text = `${await generateKeyPem("ec")}${certificate}`;
  const file = fleet.folder.write("control/credentials/0a.pem", text, 0o600);
  for (const load of [loadCredentials, lossOfCredential]) {
    expect(() => load(config, fleet.now)).toThrow(
      expect.objectContaining({
        message: `Cannot use ${file}: its key is not that of its certificate`,
        hint: "It is a copy. Restore it from a backup, or remove it.",
      }),
    );
  }
});

test("T09 a kept one of another CA, or that has expired, is left out", async () => {
  await using fleet = await LocalFleet.create(["cert_days = 10", "cert_renewal_days = 1"]);
  const { config } = fleet.controller;
  await using other = await anotherHost();
  await rotateNow(other.controller);
  const folder = paths(config).credentials;
  const foreign = paths(other.controller.config).credentials;
  for (const name of readdirSync(foreign)) copyFileSync(join(foreign, name), join(folder, name));
  expect(loadCredentials(config, fleet.now).others).toEqual([]);
  fleet.passDays(5);
  await rotateNow(fleet.controller);
  expect(loadCredentials(config, fleet.now).others).toHaveLength(1);
  fleet.passDays(6);
  expect(loadCredentials(config, fleet.now).others).toEqual([]);
});

test("T09 the certificate lasts up to its last second", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const { notAfter, serial } = loadCredential(config, fleet.now).certificate;
  const at = (ms: number) => loadCredential(config, new Date(notAfter.getTime() + ms)).certificate;
  expect(at(-1).serial).toBe(serial);
  expect(() => at(0)).toThrow("it expired on");
  expect(replacementProblems(config, fleet.now)).toEqual([]);
});

test("T09 one that is missing is a loss, and how a control host is set up is said", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  rmSync(config.cert);
  expectLost(fleet, `Cannot read ${config.cert}: no such file or folder`);
  const option = `--config ${config.file}`;
  expect(() => loadCredential(config, fleet.now)).toThrow(
    expect.objectContaining({
      hint: `Set this control host up first: ctrl-exec setup-ca ${option}, then ctrl-exec setup-ctrl-exec ${option}`,
    }),
  );
});

test("T09 what only cannot be read, or is open to all, is not lost: it can be repaired", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const { rotation } = paths(config);
  const faults: readonly (readonly [string, () => void, () => void])[] = [
    [config.key, () => chmodSync(config.key, 0o644), () => chmodSync(config.key, 0o600)],
    [rotation, () => mkdirSync(rotation), () => rmSync(rotation, { recursive: true })],
  ];
  for (const [file, spoil, mend] of faults) {
    spoil();
    expect(() => lossOfCredential(config, fleet.now)).toThrow(file);
    mend();
    expect(lossOfCredential(config, fleet.now)).toBeUndefined();
  }
  rmSync(config.cert);
  mkdirSync(config.cert);
  expect(() => lossOfCredential(config, fleet.now)).toThrow(`${config.cert}: it is a folder`);
});

test("those that agents may still know come after the one in force, newest first", async () => {
  await using fleet = await LocalFleet.create();
  const serials = [loadCredential(fleet.controller.config, fleet.now).certificate.serial];
  for (let rotation = 0; rotation < 3; rotation++) {
    fleet.passDays(0.1);
    serials.unshift((await rotateNow(fleet.controller)).newSerial);
  }
  const { current, others } = loadCredentials(fleet.controller.config, fleet.now);
  const found = [current, ...others].map(({ certificate }) => certificate.serial);
  expect(found).toEqual(serials);
});

test("T10 while a rotation is under way its new one counts, unless a third was put in place by hand", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const inForce = () => loadCredential(config, fleet.now).certificate.serial;
  const plan = await planRotation(fleet.controller);
  for (const step of plan.steps.slice(0, 3)) await step.run();
  expect(inForce()).toBe(plan.newSerial);
  const [certificate, key] = [config.cert, config.key].map((file) => readFileSync(file));
  rmSync(config.cert);
  expect(inForce()).toBe(plan.newSerial);
  const { serial } = await setupController(fleet.controller);
  expect(inForce()).toBe(serial);
  fleet.folder.write("control/ctrl-exec.crt", certificate!);
  fleet.folder.write("control/ctrl-exec.key", key!, 0o600);
  expect(inForce()).toBe(plan.newSerial);
  // Without a rotation.json nobody knows that it was to count.
  rmSync(paths(config).rotation);
  rmSync(paths(config).inForce);
  expect(inForce()).toBe(plan.oldSerial);
});

test("a kept one is a file named after its serial, also as 1.0 wrote it", () => {
  expect(["0a.pem", "a.pem", "1b2c.pem"].map(keptSerial)).toEqual(["0a", "0a", "1b2c"]);
  for (const name of ["in-force.pem", "0a.pem.tmp", ".0a.pem", "0a", "0G.pem", ".pem"]) {
    expect(keptSerial(name)).toBeUndefined();
  }
});

test("T07 the pairing port shows the CA too", async () => {
  await using fleet = await LocalFleet.create();
  const credential = loadCredential(fleet.controller.config, fleet.now);
  const { cert, key } = pairingCredential(credential);
  expect(cert).toStartWith(credential.certificate.pem);
  expect(cert).toContain(credential.ca.pem);
  expect(key).toBe(credential.keyPem);
});

test("who asks about runs on a host that was never set up is told so, and not that there are none", async () => {
  await using fleet = await LocalFleet.bare();
  const { controller } = fleet;
  const { config } = controller;
  rmSync(paths(config).runs, { recursive: true, force: true });
  await expect(requireSetUp(controller)).rejects.toMatchObject({
    code: "config",
    hint: expect.stringContaining("setup-ca"),
  });
  // What was recorded can be shown without a credential.
  mkdirSync(paths(config).runs, { recursive: true });
  await requireSetUp(controller);
  rmSync(paths(config).runs, { recursive: true });
  await setupCa(fleet.controller);
  await setupController(fleet.controller);
  await requireSetUp(controller);
});
