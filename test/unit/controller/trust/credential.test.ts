/** The control host's own credential: what counts as one, and what is lost for good. */
import { expect, test } from "bun:test";
import { copyFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../../../src/controller/store/paths.ts";
import { setupCa, setupController } from "../../../../src/controller/trust/ca.ts";
import { loadCredentials, lossOfCredential } from "../../../../src/controller/trust/credential.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
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

test("T09 one that has expired is named, and is no loss: it can be signed again", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  fleet.passDays(364);
  expect(loadCredentials(config, fleet.now).others).toEqual([]);
  fleet.passDays(2);
  expect(() => loadCredentials(config, fleet.now)).toThrow(
    expect.objectContaining({
      code: "config",
      message: expect.stringContaining("ctrl-exec.crt: it expired on "),
      hint: expect.stringContaining("This host's clock says"),
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

test("T09 a kept one whose key and certificate do not fit is named, and is no loss of the present", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const certificate = readFileSync(config.cert, "utf8");
  const text = `${await generateKeyPem("ec")}${certificate}`;
  const file = fleet.folder.write("control/credentials/0a.pem", text, 0o600);
  for (const load of [loadCredentials, lossOfCredential]) {
    expect(() => load(config, fleet.now)).toThrow(`Cannot use ${file}: its key is not that of`);
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
