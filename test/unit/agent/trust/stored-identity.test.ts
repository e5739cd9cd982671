import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { loadIdentity, storeSteps } from "../../../../src/agent/trust/identity-files.ts";
import { signHost } from "../../../../src/controller/trust/ca.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../../../src/pki/keys.ts";
import { until } from "../../../support/folder.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

async function pairingWith({ controller, now }: LocalFleet) {
  const { ca, certificate } = loadCredential(controller.config, now);
  const keyPem = await generateKeyPem("ec");
  const publicKey = publicKeyBytes(readPrivateKey(keyPem, "the key"));
  const { pem, serial } = await signHost(controller, "web-01", publicKey);
  const enrolled = { certPem: pem, ca, controllerSerial: certificate.serial };
  return { keyPem, enrolled, serial };
}

test("a running agent shows the new certificate from the moment that a pairing has stored it", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const old = loadIdentity(agent.config).certificate.serial;
  const { keyPem, enrolled, serial } = await pairingWith(fleet);
  let stored = false;
  for (const step of storeSteps(agent.config, keyPem, enrolled)) {
    step.run();
    stored ||= step.name === "store the certificate";
    expect(await agent.servedSerial()).toBe(stored ? serial : old);
    // What is staged is for the pairing to put in place.
    if (step.name === "store the certificate") {
      expect(existsSync(`${agent.config.key}.next`)).toBe(true);
      expect(existsSync(`${agent.config.ca}.next`)).toBe(true);
    }
  }
  expect(agent.log.of("new-identity").map(({ fields }) => fields.SERIAL)).toEqual([serial]);
  expect(agent.log.of("reload-fail")).toEqual([]);
});

test("files that do not match each other change nothing, are reported once, and count when they fit", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const old = loadIdentity(agent.config).certificate.serial;
  const { keyPem, enrolled, serial } = await pairingWith(fleet);
  fleet.folder.write("web-01/agent.key", keyPem, 0o640);
  await until("the fault is told", async () => {
    expect(await agent.servedSerial()).toBe(old);
    return agent.log.of("reload-fail").length > 0;
  });
  expect(await agent.servedSerial()).toBe(old);
  expect(agent.log.of("reload-fail").map(({ fields }) => fields.ERROR)).toEqual([
    `Cannot use ${agent.config.key}: it is not the key of ${agent.config.cert}`,
  ]);
  fleet.folder.write("web-01/agent.crt", enrolled.certPem);
  expect(await agent.servedSerial()).toBe(serial);
});

test("a certificate that is put back as it was is not another identity", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const text = readFileSync(agent.config.cert, "utf8");
  fleet.folder.write("web-01/agent.crt", `${text}\n`);
  expect(await agent.servedSerial()).toBe(readCertificate(text, "the certificate").serial);
  expect(agent.log.of("new-identity")).toEqual([]);
});
