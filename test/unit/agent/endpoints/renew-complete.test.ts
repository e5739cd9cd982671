import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { openDialler } from "../../../../src/controller/control-host.ts";
import { askHost } from "../../../../src/controller/fleet/fan-out.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import { findAgent } from "../../../../src/controller/store/registry.ts";
import { setupCa, signHost } from "../../../../src/controller/trust/ca.ts";
import { addDays } from "../../../../src/core/time.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../../../src/pki/keys.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let agent: LocalAgent;
let ownKey: Buffer;
let ca: string;

beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01");
  ownKey = keyOf(readFileSync(agent.config.key, "utf8"));
  ca = readFileSync(fleet.controller.config.ca, "utf8");
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

function keyOf(pem: string): Buffer {
  return publicKeyBytes(readPrivateKey(pem, "the key"));
}

async function offer(body: Record<string, unknown>) {
  const { controller } = fleet;
  const target = targetOf("web-01", findAgent(controller.config, "web-01"));
  const request = { method: "POST", path: "/renew-complete", body, reply: "words" } as const;
  return (await askHost(await openDialler(controller), target, request)).reply;
}

async function refuses(body: Record<string, unknown>, why: string): Promise<void> {
  const before = readFileSync(agent.config.cert, "utf8");
  const reply = await offer({ ...body, reqid: "0123456789abcdef" });
  expect(reply?.status).toBe(400);
  expect(JSON.stringify(reply?.json)).toContain(why);
  expect(readFileSync(agent.config.cert, "utf8")).toBe(before);
  expect(agent.log.of("renew-complete").at(-1)?.level).toBe("err");
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
}

test("a certificate for another key is refused", async () => {
  const { pem } = await signHost(fleet.controller, "web-01", keyOf(await generateKeyPem("ec")));
  await refuses({ cert: pem, ca }, "another key");
});

test("a certificate for another host is refused", async () => {
  const { pem } = await signHost(fleet.controller, "db-01", ownKey);
  await refuses({ cert: pem, ca }, "another host");
});

test("a certificate of another CA is refused, with that CA or with the agent's own", async () => {
  await using other = await LocalFleet.bare();
  const otherCa = (await setupCa(other.controller)).certificate.pem;
  const { pem } = await signHost(other.controller, "web-01", ownKey);
  await refuses({ cert: pem, ca: otherCa }, "another CA");
  await refuses({ cert: pem, ca }, "did not sign");
});

test("a certificate that has expired is refused", async () => {
  const { controller } = fleet;
  const short = { ...controller, config: { ...controller.config, cert_days: 1 } };
  const { pem } = await signHost(short, "web-01", ownKey);
  fleet.passDays(2);
  await refuses({ cert: pem, ca }, "it has expired");
  fleet.passDays(-2);
});

test("T08 a certificate that is not valid yet is refused: the control host's clock is ahead", async () => {
  const ahead = { ...fleet.controller, now: () => addDays(fleet.now, 300) };
  const { pem } = await signHost(ahead, "web-01", ownKey);
  await refuses({ cert: pem, ca }, "it is not valid yet");
});

test("what is not a certificate is refused", async () => {
  await refuses({ cert: "-----BEGIN CERTIFICATE-----\nnone\n", ca }, "cannot be read");
});

test("without a CA, as 0.9 sends it, only what this agent's CA signed is taken", async () => {
  await using other = await LocalFleet.bare();
  await setupCa(other.controller);
  const foreign = await signHost(other.controller, "web-01", ownKey);
  await refuses({ cert: foreign.pem }, "did not sign");
  const { pem } = await signHost(fleet.controller, "web-01", ownKey);
  const reply = await offer({ cert: pem, reqid: "0123456789abcdef" });
  expect(reply).toMatchObject({ status: 200, json: { status: "ok" } });
  expect(readFileSync(agent.config.cert, "utf8").trim()).toBe(pem.trim());
});

test("a certificate that fits is taken", async () => {
  const { pem } = await signHost(fleet.controller, "web-01", ownKey);
  const reply = await offer({ cert: pem, ca, reqid: "0123456789abcdef" });
  expect(reply).toMatchObject({ status: 200, json: { status: "ok", reqid: "0123456789abcdef" } });
  expect(readFileSync(agent.config.cert, "utf8").trim()).toBe(pem.trim());
});

test("nobody but the trusted controller may renew", async () => {
  const serial = readFileSync(agent.path("ctrl-exec-serial"), "utf8");
  fleet.folder.write("web-01/ctrl-exec-serial", "b2\n");
  const { pem } = await signHost(fleet.controller, "web-01", ownKey);
  const reply = await offer({ cert: pem, ca, reqid: "" });
  expect(reply).toMatchObject({
    status: 403,
    json: { error: "serial mismatch", status: "forbidden" },
  });
  expect(readFileSync(agent.config.cert, "utf8").trim()).not.toBe(pem.trim());
  fleet.folder.write("web-01/ctrl-exec-serial", serial);
});
