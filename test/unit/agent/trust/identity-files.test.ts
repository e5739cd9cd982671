import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { ControllerSerials } from "../../../../src/agent/trust/controller-serials.ts";
import { loadIdentity, storeSteps } from "../../../../src/agent/trust/identity-files.ts";
import { setupCa, setupController, signHost } from "../../../../src/controller/trust/ca.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import type { AgentConfig } from "../../../../src/core/config/agent-config.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../../../src/pki/keys.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

/** What another control host would answer a pairing with. */
async function otherPairing(hostname: string) {
  await using other = await LocalFleet.bare();
  await setupCa(other.controller);
  await setupController(other.controller);
  return await pairingWith(other, hostname);
}

/** A new key, and what the control host would answer. */
async function pairingWith({ controller, now }: LocalFleet, hostname: string) {
  const { ca, certificate } = loadCredential(controller.config, now);
  const keyPem = await generateKeyPem("ec");
  const publicKey = publicKeyBytes(readPrivateKey(keyPem, "the key"));
  const { pem } = await signHost(controller, hostname, publicKey);
  return { keyPem, enrolled: { certPem: pem, ca, controllerSerial: certificate.serial } };
}

const STEPS = [
  "finish the pairing before",
  "stage the key",
  "stage the CA",
  "store the controller's serial",
  "store the certificate",
  "put the CA in place",
  "forget the serial before",
  "put the key in place",
];

for (const [index, name] of STEPS.entries()) {
  test(`T10 pairing again, cut off after "${name}", leaves the old identity whole or the new`, async () => {
    await using fleet = await LocalFleet.create();
    const agent = await fleet.addAgent("web-01");
    await agent.stop();
    const old = loadIdentity(agent.config);
    const { keyPem, enrolled } = await otherPairing("web-01");
    const steps = storeSteps(agent.config, keyPem, enrolled);
    expect(steps.map((step) => step.name)).toEqual(STEPS);
    for (const step of steps.slice(0, index + 1)) step.run();

    const isNew = index >= STEPS.indexOf("store the certificate");
    const expected = isNew ? enrolled.ca.fingerprint : old.ca.fingerprint;
    expect(loadIdentity(agent.config).ca.fingerprint).toBe(expected);
    // A second start finds what the first one has finished.
    expect(loadIdentity(agent.config).ca.fingerprint).toBe(expected);
    if (isNew) {
      expect(readFileSync(agent.config.key, "utf8")).toBe(keyPem);
      expect(existsSync(`${agent.config.key}.next`)).toBe(false);
    }
    await agent.start();
    // The control host that it was paired with before reaches it until the new identity is whole.
    expect(await fleet.pingFailures(["web-01"])).toHaveLength(isNew ? 1 : 0);
  });
}

describe("T10 pairing again twice, each cut off anywhere, leaves one identity whole", () => {
  test.each([
    ["a third control host", false],
    ["the first one again", true],
  ])("the second time with %s", async (_, back) => {
    await using fleet = await LocalFleet.create();
    const agent = await fleet.addAgent("web-01");
    await agent.stop();
    const { config } = agent;
    const files = [config.cert, config.key, config.ca, config.dispatcher_serial_path];
    const contents = files.map((file) => [file, readFileSync(file, "utf8")] as const);
    const first = await pairingWith(fleet, "web-01");
    const second = await otherPairing("web-01");
    const third = back ? first : await otherPairing("web-01");
    const commits = STEPS.indexOf("store the certificate");
    for (const [cut, again] of STEPS.flatMap((_, i) => STEPS.map((_, j) => [i, j] as const))) {
      for (const file of files) {
        for (const end of [".next", ".previous"]) rmSync(`${file}${end}`, { force: true });
      }
      for (const [file, content] of contents) writeFileSync(file, content);
      for (const step of stepsTo(config, second, cut)) step.run();
      for (const step of stepsTo(config, third, again)) step.run();
      const { enrolled } = again >= commits ? third : cut >= commits ? second : first;
      const serials = new ControllerSerials(config.dispatcher_serial_path);
      expect(loadIdentity(config).ca.fingerprint).toBe(enrolled.ca.fingerprint);
      const caller = { serial: enrolled.controllerSerial, commonName: "ctrl-exec" };
      expect(serials.judge({ ...caller, dnsNames: ["ctrl-exec"] }).kind).toBe("trusted");
    }
  });
});

type Pairing = Awaited<ReturnType<typeof otherPairing>>;

function stepsTo(config: AgentConfig, { keyPem, enrolled }: Pairing, last: number) {
  return storeSteps(config, keyPem, enrolled).slice(0, last + 1);
}

test("what a broken certificate or a broken staged key was for does not hinder pairing again", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  writeFileSync(agent.config.cert, "broken");
  writeFileSync(`${agent.config.key}.next`, "broken");
  const { keyPem, enrolled } = await otherPairing("web-01");
  for (const step of storeSteps(agent.config, keyPem, enrolled)) step.run();
  expect(loadIdentity(agent.config).ca.fingerprint).toBe(enrolled.ca.fingerprint);
});
