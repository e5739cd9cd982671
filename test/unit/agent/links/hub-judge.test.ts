import { beforeAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { hubProblem } from "../../../../src/agent/links/hub-judge.ts";
import {
  ControllerSerials,
  storeControllerSerial,
} from "../../../../src/agent/trust/controller-serials.ts";
import type { AgentTrust } from "../../../../src/agent/trust/trust.ts";
import { parseHubAddress } from "../../../../src/core/net/hub-address.ts";
import { factsOf } from "../../../../src/pki/certificate.ts";
import { Authority, type HostCredential } from "../../../support/authority.ts";
import { TestFolder } from "../../../support/folder.ts";

let control: HostCredential;
let agent: HostCredential;
beforeAll(async () => {
  const ca = await Authority.create();
  control = await ca.issue("ctrl-exec");
  agent = await ca.issue("web-02");
});

const NOW = new Date();

/** What an agent that knows this serial says of a hub that shows this certificate. */
function judged(
  hub: string,
  shown: HostCredential,
  { serial = control.serial, now = NOW, revoked = new Set<string>() } = {},
) {
  using folder = new TestFolder();
  const path = folder.join("serial");
  storeControllerSerial(path, serial);
  const controller = new ControllerSerials(path);
  const trust = { controller, revoked } as unknown as AgentTrust;
  const address = parseHubAddress(hub);
  if (address === undefined) throw new Error(hub);
  return hubProblem(address, new X509Certificate(shown.cert), trust, now);
}

test("T43 without a pin a hub shows the certificate of this agent's control host", () => {
  expect(judged("hub", control)).toBeUndefined();
  expect(judged("hub", control, { serial: "0a" })).toContain("is not this agent's control host's");
});

test("T43 an agent's certificate makes no hub, even with the serial that is stored", () => {
  expect(judged("hub", agent, { serial: agent.serial })).toContain(
    "is not this agent's control host's",
  );
});

test("T43 a control host's certificate whose time is over makes no hub", () => {
  const later = new Date(NOW.getTime() + 40 * 86_400_000);
  expect(judged("hub", control, { now: later })).toBe("CERT_HAS_EXPIRED");
});

test("T43 a control host's certificate that is revoked makes no hub", () => {
  const revoked = new Set([control.serial]);
  expect(judged("hub", control, { revoked })).toBe(
    `it shows the revoked certificate ${control.serial}`,
  );
});

test("T43 with a pin it is that certificate and no other, not even the control host's", () => {
  const pin = factsOf(new X509Certificate(agent.cert)).fingerprint;
  expect(judged(`hub#${pin}`, agent, { serial: "0a" })).toBeUndefined();
  expect(judged(`hub#${pin}`, control)).toContain("another certificate than the pinned one");
});
