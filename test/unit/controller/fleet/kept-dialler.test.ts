/** T02: a connection that the API keeps to an agent outlives nothing that would stop a new one. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { loadIdentity } from "../../../../src/agent/trust/identity-files.ts";
import { type Controller, openReplies } from "../../../../src/controller/control-host.ts";
import { KeptDialler } from "../../../../src/controller/fleet/kept-dialler.ts";
import { unpairAgent } from "../../../../src/controller/inventory/unpair.ts";
import { changeAgents } from "../../../../src/controller/store/registry.ts";
import { setupCa, setupController } from "../../../../src/controller/trust/ca.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { connectTcp } from "../../../../src/system/net/tcp.ts";
import { until } from "../../../support/folder.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let agent: LocalAgent;
let dialler: KeptDialler;
let controller: Controller;

beforeEach(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01");
  dialler = new KeptDialler();
  controller = { ...fleet.controller, dialler };
  // What was written a moment ago counts as changed at every look.
  await until("its files are old enough", () => {
    const first = setting();
    return setting() === first;
  });
  // From here on there is a connection that is kept.
  expect(await fleet.pingFailures(["web-01"], controller)).toEqual([]);
  expect(await fleet.pingFailures(["web-01"], controller)).toEqual([]);
});

afterEach(async () => {
  dialler.close();
  await fleet[Symbol.asyncDispose]();
});

function setting() {
  return dialler.current(controller.config, fleet.now);
}

test("T02 while nothing changes the credential is read once", () => {
  expect(setting()).toBe(setting());
});

test("T02 another configuration, or the end of the certificate, is another setting", () => {
  const before = setting();
  const config = { ...controller.config };
  expect(dialler.current(config, fleet.now)).not.toBe(before);
  const { notAfter } = loadCredential(config, fleet.now).certificate;
  const last = new Date(notAfter.getTime() - 1);
  expect(dialler.current(config, last)).toBe(dialler.current(config, last));
  expect(() => dialler.current(config, notAfter)).toThrow("it expired on");
});

test("T02 connections of the setting before are closed, and those that are in use not kept", async () => {
  const { pool } = setting();
  const connection = {
    tls: await connectTcp("127.0.0.1", agent.config.port, 10_000),
    peer: { serial: "0a", commonName: "web-01", dnsNames: [] },
    peerAddress: "127.0.0.1",
    openedAt: performance.now(),
  };
  const lease = await pool?.lease("a");
  await rotateNow(controller);
  setting();
  lease?.end(connection, 60_000);
  expect(connection.tls.closed).toBe(true);
  expect(setting().pool).not.toBe(pool);
  dialler.close();
  expect(setting().pool).not.toBe(pool);
});

test("T29 what is held counts in one account for all requests, or in a command's own", () => {
  const max_replies = 1000;
  const config = { ...controller.config, max_replies };
  const fits = () => {
    const reply = dialler.budget(config).open().openReply();
    const held = reply.hold(16_384 + 740);
    reply.giveBack();
    return held;
  };
  const own = openReplies({ ...controller, config, dialler: undefined });
  const shared = openReplies({ ...controller, config });
  expect(own.openReply().hold(16_384 + 700)).toBe(true);
  expect(own.openReply().hold(16_384 + 700)).toBe(false);
  expect(fits()).toBe(true);
  expect(shared.openReply().hold(16_384 + 700)).toBe(true);
  expect(fits()).toBe(false);
  shared.close();
  expect(fits()).toBe(true);
});

test("T02 a host that is revoked is refused on the connection that it had", async () => {
  const address = `127.0.0.1:${agent.config.port}`;
  await unpairAgent(controller, "web-01", true);
  expect(await fleet.pingFailures([address], controller)).toEqual([
    "127.0.0.1: 127.0.0.1 answered with the revoked certificate of web-01: refused",
  ]);
});

test("T02 what is revoked is the store's word, on a new connection and on one that is kept", async () => {
  const { serial } = loadIdentity(agent.config).certificate;
  const { store } = controller;
  const revoked = new Set<string>();
  const certificates = { ...store.certificates, revokedByNow: async () => revoked };
  const told = { ...controller, store: { ...store, certificates } };
  expect(await fleet.pingFailures(["web-01"], told)).toEqual([]);
  revoked.add(serial);
  const refused = ["web-01: web-01 answered with the revoked certificate of web-01: refused"];
  expect(await fleet.pingFailures(["web-01"], told)).toEqual(refused);
  expect(await fleet.pingFailures(["web-01"], { ...told, dialler: undefined })).toEqual(refused);
});

test("T02 a host is asked for its own name on every request, not for that of the request before", async () => {
  const other = await fleet.addAgent("db-01");
  await other.stop();
  await changeAgents(controller.config, (record) =>
    record.hostname === "db-01" ? { ...record, port: agent.config.port } : undefined,
  );
  expect(await fleet.pingFailures(["db-01"], controller)).toEqual([
    "db-01: db-01 answered with the certificate of web-01: refused",
  ]);
});

test("T02 a rotation ends every connection made under the certificate before", async () => {
  const before = setting();
  await rotateNow(controller);
  expect(setting()).not.toBe(before);
  expect(await fleet.pingFailures(["web-01"], controller)).toEqual([]);
});

test("T02 a credential that somebody puts in place by hand ends every connection of the one before", async () => {
  const before = setting();
  await setupController(controller);
  expect(setting()).not.toBe(before);
  expect(await fleet.pingFailures(["web-01"], controller)).toEqual(["web-01: serial mismatch"]);
});

test("T02 another CA ends every connection of the one before", async () => {
  await using other = await LocalFleet.bare();
  await setupCa(other.controller);
  await setupController(other.controller);
  for (const file of ["ca", "cert", "key"] as const) {
    writeFileSync(controller.config[file], readFileSync(other.controller.config[file]));
  }
  expect((await fleet.pingFailures(["web-01"], controller))[0]).toMatch(
    /^web-01: .*not of (this|the) CA/,
  );
});

test("T02 a file that is written in place counts as changed, whatever its size and time say", async () => {
  const { cert } = controller.config;
  utimesSync(cert, 1_700_000_000, 1_700_000_000);
  // A young file counts as changed at every look.
  let before = setting();
  while (before !== setting()) {
    await Bun.sleep(10);
    before = setting();
  }
  writeFileSync(cert, readFileSync(cert));
  utimesSync(cert, 1_700_000_000, 1_700_000_000);
  expect(setting()).not.toBe(before);
});

test("T02 the end of its own certificate ends every connection", () => {
  fleet.passDays(366);
  expect(setting).toThrow("it expired on");
});
