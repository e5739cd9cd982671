import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { loadIdentity, storeSteps } from "../../src/agent/identity-files.ts";
import { setupCa, setupController, signHost } from "../../src/controller/authority.ts";
import { loadCredential } from "../../src/controller/credential.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../src/pki/keys.ts";
import { LocalFleet } from "../support/local-fleet.ts";

/** What another control host would answer a pairing with. */
async function otherPairing(hostname: string) {
  const other = await LocalFleet.bare();
  await setupCa(other.controller);
  await setupController(other.controller);
  const { ca, certificate } = loadCredential(other.controller.config, other.now);
  const keyPem = await generateKeyPem("ec");
  const publicKey = publicKeyBytes(readPrivateKey(keyPem, "the key"));
  const { pem } = await signHost(other.controller, hostname, publicKey);
  await other[Symbol.asyncDispose]();
  return { keyPem, enrolled: { certPem: pem, ca, controllerSerial: certificate.serial } };
}

const STEPS = [
  "stage the key",
  "stage the CA",
  "store the controller's serial",
  "store the certificate",
  "put the CA in place",
  "put the key in place",
];

for (const [index, name] of STEPS.entries()) {
  test(`T10 pairing anew, cut off after "${name}", leaves the old identity whole or the new`, async () => {
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
