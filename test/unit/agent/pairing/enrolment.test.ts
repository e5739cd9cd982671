import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { pair } from "../../../../src/agent/pairing/enrolment.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { setupCa, setupController, signHost } from "../../../../src/controller/trust/ca.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import { createCaCertificate } from "../../../../src/pki/authority.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { createCsr, judgeCsr } from "../../../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../../../src/pki/keys.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { type Json, PairingAnswerer } from "../../../support/pairing-answerer.ts";

/** A control host that answers as the test says; `honest` is what the real one would say. */
class FakeController extends PairingAnswerer {
  /** @param shown as PairingAnswerer has it */
  constructor(fleet: LocalFleet, answer: (honest: Json) => Json, shown = fleet) {
    const { certificate, ca } = loadCredential(fleet.controller.config, fleet.now);
    super(
      fleet,
      async function* ({ hostname, csr, nonce }) {
        yield { status: "pending", reqid: "0123456789abcdef" };
        const { publicKey } = judgeCsr(String(csr), String(hostname));
        yield answer({
          status: "approved",
          cert: (await signHost(fleet.controller, String(hostname), publicKey)).pem,
          ca: ca.pem,
          nonce,
          dispatcher_serial: certificate.serial,
        });
      },
      shown,
    );
  }
}

async function pairWith(port: number, caFingerprint?: string) {
  const keyPem = await generateKeyPem("ec");
  return await pair({
    controller: "127.0.0.1",
    port,
    hostname: "web-01",
    servePort: 7443,
    report: { version: "1.1.0" },
    keyPem,
    csrPem: await createCsr("web-01", readPrivateKey(keyPem, "the key")),
    nonce: crypto.randomUUID().replaceAll("-", ""),
    caFingerprint,
    waitMs: 20_000,
    now: () => new Date(),
    onPending: () => undefined,
  });
}

describe("T07 the agent's side of pairing", () => {
  let fleet: LocalFleet;
  let other: LocalFleet;
  /** Approvals that somebody else was given. */
  let ofAnotherKey: Json;
  let ofAnotherHost: Json;
  let otherCa: string;

  beforeAll(async () => {
    fleet = await LocalFleet.create();
    other = await LocalFleet.bare();
    otherCa = (await setupCa(other.controller)).certificate.pem;
    await setupController(other.controller);
    const key = async () => {
      const csr = await createCsr("web-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
      return judgeCsr(csr, "web-01").publicKey;
    };
    const signed = async (name: string) => signHost(fleet.controller, name, await key());
    ofAnotherKey = { cert: (await signed("web-01")).pem };
    ofAnotherHost = { cert: (await signed("db-01")).pem };
  });
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  test("an honest answer is taken", async () => {
    await using controller = new FakeController(fleet, (honest) => honest);
    const outcome = await pairWith(await controller.port());
    expect(outcome.kind).toBe("approved");
    await controller.left();
  });

  const refused: readonly (readonly [string, string, (honest: Json) => Json])[] = [
    ["a replayed nonce", "another nonce", (honest) => ({ ...honest, nonce: "0".repeat(32) })],
    ["a swapped answer", "another key", (honest) => ({ ...honest, ...ofAnotherKey })],
    ["a misrouted answer", "another key", (honest) => ({ ...honest, ...ofAnotherHost })],
    ["another CA", "its CA did not sign", (honest) => ({ ...honest, ca: otherCa })],
    ["no serial", "no serial", (honest) => ({ ...honest, dispatcher_serial: "" })],
    [
      "a serial that is not valid",
      "no serial",
      (honest) => ({ ...honest, dispatcher_serial: "x" }),
    ],
    ["no certificate", "its certificate cannot be read", (honest) => ({ ...honest, cert: "none" })],
    ["no nonce", "not that of a control host", ({ nonce: _, ...rest }) => rest],
  ];
  for (const [name, why, change] of refused) {
    test(`${name} is refused`, async () => {
      await using controller = new FakeController(fleet, change);
      await expect(pairWith(await controller.port())).rejects.toThrow(why);
    });
  }

  test("T08 a certificate of a control host whose clock is years late is refused", async () => {
    // Its CA is old enough.
    await using late = await LocalFleet.create([`cert_backdate = ${900 * 86_400}`]);
    late.passDays(-800);
    await using controller = new FakeController(late, (honest) => honest);
    await expect(pairWith(await controller.port())).rejects.toThrow(
      /sends has expired: .* The control host's clock is behind/,
    );
  });

  test("T68 a certificate of a control host whose clock is two hours ahead is refused", async () => {
    fleet.passDays(2 / 24);
    await using controller = new FakeController(fleet, (honest) => honest);
    const outcome = pairWith(await controller.port()).finally(() => fleet.passDays(-2 / 24));
    await expect(outcome).rejects.toThrow(/is not valid yet: .* The control host's clock is ahead/);
  });

  test("a certificate for the right key and another host is refused", async () => {
    const keyPem = await generateKeyPem("ec");
    const csrPem = await createCsr("web-01", readPrivateKey(keyPem, "the key"));
    const { publicKey } = judgeCsr(csrPem, "web-01");
    const { pem } = await signHost(fleet.controller, "db-01", publicKey);
    await using controller = new FakeController(fleet, (honest) => ({ ...honest, cert: pem }));
    const options = {
      controller: "127.0.0.1",
      port: await controller.port(),
      hostname: "web-01",
      servePort: 7443,
      report: { version: "1.1.0" },
      keyPem,
      csrPem,
      nonce: "0123456789abcdef0123456789abcdef",
      caFingerprint: undefined,
      waitMs: 20_000,
      now: () => new Date(),
      onPending: () => undefined,
    };
    await expect(pair(options)).rejects.toThrow("another host");
  });

  test("a CA with another fingerprint is refused before anything is sent", async () => {
    await using controller = new FakeController(fleet, (honest) => honest);
    const { fingerprint } = readCertificate(otherCa, "the other CA");
    await expect(pairWith(await controller.port(), fingerprint)).rejects.toThrow(
      "is not the expected one",
    );
    expect(controller.received).toBe(0);
    await controller.left();
  });

  test("the right CA behind a certificate that it did not sign is refused before anything is sent", async () => {
    // Both CAs have one name, and a CA's certificate is no secret.
    await using controller = new FakeController(fleet, (honest) => honest, other);
    const { ca } = loadCredential(fleet.controller.config, fleet.now);
    const port = await controller.port();
    await expect(pairWith(port, ca.fingerprint)).rejects.toThrow("does not send its CA");
    expect(controller.received).toBe(0);
    await expect(pairWith(port)).rejects.toThrow(
      "a CA that did not sign the control host's own certificate",
    );
  });

  test("the CA of the answer must have the fingerprint too, not its key and name alone", async () => {
    const { caKey, caCert } = paths(fleet.controller.config);
    const { fingerprint, commonName } = readCertificate(readFileSync(caCert, "utf8"), caCert);
    const again = await createCaCertificate({
      name: commonName,
      key: readPrivateKey(readFileSync(caKey, "utf8"), caKey),
      now: fleet.now,
      backdate: 0,
      serial: "4b",
    });
    await using controller = new FakeController(fleet, (honest) => ({ ...honest, ca: again }));
    await expect(pairWith(await controller.port(), fingerprint)).rejects.toThrow(
      "a CA with another fingerprint",
    );
  });
});
