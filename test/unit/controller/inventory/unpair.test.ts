import { expect, test } from "bun:test";
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { unpairAgent } from "../../../../src/controller/inventory/unpair.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { changeAgents } from "../../../../src/controller/store/registry.ts";
import { signHost } from "../../../../src/controller/trust/ca.ts";
import { addDays, opensslTime } from "../../../../src/core/time.ts";
import { publicKeyBytes, readPrivateKey } from "../../../../src/pki/keys.ts";
import { readText } from "../../../../src/system/files/files.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

const revokedList = (fleet: LocalFleet) =>
  readFileSync(paths(fleet.controller.config).revoked, "utf8");

test("the date is that of the last certificate of the host, whatever its record says", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const first = fleet.record("web-01").serial;
  const { controller } = fleet;
  // As when the host has never answered with what a renewal signed for it.
  const longer = { ...controller, config: { ...controller.config, cert_days: 800 } };
  const key = publicKeyBytes(readPrivateKey(readText(agent.config.key), "the key"));
  const { serial, notAfter } = await signHost(longer, "Web-01", key);
  const unpaired = await unpairAgent(controller, "web-01", false);
  expect(unpaired).toMatchObject({
    expiry: opensslTime(notAfter),
    known: [first, serial],
    revoked: [],
    earlier: false,
  });
  expect(fleet.log.of("unpair").map(({ fields }) => fields.EXPIRY)).toEqual([
    opensslTime(notAfter),
  ]);
});

test("what an earlier unpairing left valid can be revoked, also what only the record knew", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const { controller } = fleet;
  const { serial } = fleet.record("web-01");
  const ofOldVersion = "0123456789abcdef";
  const end = opensslTime(addDays(fleet.now, 30));
  await changeAgents(controller.config, (record) => {
    return { ...record, serial: ofOldVersion, expiry: end };
  });
  const plain = await unpairAgent(controller, "web-01", false);
  expect(plain.known).toEqual([serial, ofOldVersion]);
  await expect(unpairAgent(controller, "web-01", false)).rejects.toThrow(
    "Cannot find web-01: no such host is registered",
  );
  for (const _ of ["once", "again"]) {
    expect(await unpairAgent(controller, "WEB-01", true)).toMatchObject({
      earlier: true,
      revoked: [serial, ofOldVersion],
    });
  }
  expect(revokedList(fleet)).toContain(`${serial}\n${ofOldVersion}\n`);
  expect(fleet.log.of("unpair")).toHaveLength(1);
  await expect(unpairAgent(controller, "web-02", true)).rejects.toThrow(
    "Cannot revoke web-02: no such host is registered, no valid certificate of it is known",
  );
});

test("a note that cannot be read is told when it could be of the host's certificate, and is not lost", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const { controller } = fleet;
  const { serial } = fleet.record("web-01");
  const file = paths(controller.config).issued;
  appendFileSync(file, "0b 2000-01-01T00:00:00Z db-01\n0c some day web-01\n0d 2099-13-01 web-01\n");
  const unread = `${file}: cannot read lines 4, 5`;
  expect(await unpairAgent(controller, "web-01", true)).toMatchObject({
    revoked: [serial],
    unread,
  });
  await controller.store.certificates.prune(fleet.now);
  expect(readFileSync(file, "utf8")).toMatch(
    /^[^\n]*\n[^\n]* web-01\n0c some day web-01\n0d 2099-13-01 web-01\n$/,
  );
  await expect(unpairAgent(controller, "web-02", true)).rejects.toThrow(
    `is known, and ${file}: cannot read lines 3, 4`,
  );
});

/** A record as 0.8 wrote it, of which nothing else is known. */
function registerOld(fleet: LocalFleet, changes: object = {}): void {
  const record = JSON.stringify({ hostname: "Old-01", ip: "", ...changes });
  fleet.folder.write("control/state/agents/Old-01.json", record);
}

test("what is known of the host and its clock goes with it, and is not the next one's of that name", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const { clocks, learned } = fleet.controller.store;
  await clocks.remember(new Map([["web-01", 7]]));
  await learned.learn(new Map([["web-01", { version: "1.0" }]]));
  await unpairAgent(fleet.controller, "web-01", false);
  expect([...(await learned.known())]).toEqual([]);
  expect(readFileSync(paths(fleet.controller.config).clocks, "utf8")).toBe("{}\n");
  expect(fleet.log.of("revoke")).toEqual([]);
});

test("a host of which nothing is known is unpaired, and the log says that its end is not known", async () => {
  await using fleet = await LocalFleet.bare();
  for (const [changes, expiry] of [
    [{}, undefined],
    [{ expiry: "some day" }, undefined],
    [{ expiry: opensslTime(addDays(fleet.now, 30)) }, opensslTime(addDays(fleet.now, 30))],
  ] as const) {
    registerOld(fleet, changes);
    const unpaired = await unpairAgent(fleet.controller, "old-01", false);
    expect(unpaired).toEqual({
      hostname: "Old-01",
      earlier: false,
      expiry,
      known: [],
      revoked: [],
      unread: undefined,
    });
    expect(fleet.log.of("unpair").at(-1)?.fields).toEqual({
      AGENT: "Old-01",
      EXPIRY: expiry ?? "unknown",
    });
  }
  // Nothing can be said of it later: without a serial and an end there is nothing to note.
  expect(existsSync(paths(fleet.controller.config).issued)).toBe(false);
});

test("a serial that only the record knows is noted once, for a later revocation", async () => {
  await using fleet = await LocalFleet.bare();
  const { issued } = paths(fleet.controller.config);
  const expiry = opensslTime(addDays(fleet.now, 30));
  for (const serial of ["0a", "0b", "0b"]) {
    registerOld(fleet, { serial, expiry });
    await unpairAgent(fleet.controller, "old-01", false);
  }
  const lines = readFileSync(issued, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => line.replace(/ .* /, " "))).toEqual(["0a Old-01", "0b Old-01"]);
  registerOld(fleet, { serial: "0c" });
  await unpairAgent(fleet.controller, "old-01", false);
  expect(readFileSync(issued, "utf8")).not.toContain("0c");
});

test("what is revoked is said in the list and in the log, each serial once", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const { serial } = fleet.record("web-01");
  expect(await unpairAgent(fleet.controller, "web-01", true)).toMatchObject({
    known: [serial],
    revoked: [serial],
  });
  expect(revokedList(fleet)).toMatch(/^# web-01, unpaired \d{4}-\S+Z\n[0-9a-f]+\n$/);
  expect(fleet.log.of("revoke").map(({ fields }) => fields)).toEqual([
    { AGENT: "web-01", SERIALS: serial },
  ]);
});

test("who cannot be asked for its serial is not revoked, and what to do is said", async () => {
  await using fleet = await LocalFleet.create();
  registerOld(fleet, { ip: "127.0.0.1", port: freePort(), lookup_by: "ip" });
  const { revocationList } = fleet.controller.store.certificates;
  await expect(unpairAgent(fleet.controller, "old-01", true)).rejects.toMatchObject({
    code: "not-found",
    message: expect.stringMatching(
      /^Cannot revoke Old-01: its serial is not known, and connection refused/,
    ),
    hint: `Put the serial into ${revocationList} by hand, then unpair without --revoke.`,
    cause: { code: "unreachable" },
  });
  fleet.folder.write("control/state/agents/Old-01.json", "{");
  await expect(unpairAgent(fleet.controller, "old-01", true)).rejects.toMatchObject({
    code: "not-found",
    hint: expect.stringContaining(revocationList),
  });
  expect(fleet.log.of("unpair")).toEqual([]);
  // Without that it can be unpaired, under the name that list-agents shows.
  expect((await unpairAgent(fleet.controller, "OLD-01", false)).hostname).toBe("old-01");
});

test("of a host that was unpaired before, the one certificate that is left is revoked", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  const { serial } = fleet.record("web-01");
  await unpairAgent(fleet.controller, "web-01", false);
  const unpaired = await unpairAgent(fleet.controller, "web-01", true);
  expect(unpaired).toMatchObject({ earlier: true, known: [serial], revoked: [serial] });
});

test("a host of which nothing is recorded is asked for its serial, at the port of the call", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const { serial } = fleet.record("web-01");
  const { config, store } = fleet.controller;
  rmSync(paths(config).issued);
  await store.registry.change((record) => ({ ...record, serial: "", port: freePort() }));
  const controller = { ...fleet.controller, agentPort: agent.config.port };
  const unpaired = await unpairAgent(controller, "web-01", true);
  expect(unpaired).toMatchObject({ known: [serial], revoked: [serial], earlier: false });
  expect(revokedList(fleet)).toContain(`\n${serial}\n`);
});

test("a list of revocations that an administrator has left without an end of line is gone on with", async () => {
  await using fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
  fleet.folder.write("control/state/revoked-serials", "0a");
  await unpairAgent(fleet.controller, "web-01", true);
  expect(revokedList(fleet)).toMatch(/^0a\n# web-01, unpaired [^\n]+\n[0-9a-f]+\n$/);
  const { revoked } = fleet.controller.store.certificates;
  expect((await revoked()).has("0a")).toBe(true);
});

test("one line that cannot be read is told as one, and is not a certificate that has expired", async () => {
  await using fleet = await LocalFleet.bare();
  const file = fleet.folder.write("control/state/issued-certificates", "\n0c some day web-01\n");
  const { certificates } = fleet.controller.store;
  expect(await certificates.issuedTo("web-01", fleet.now)).toEqual({
    certificates: [],
    unread: `${file}: cannot read line 2`,
  });
  expect(await certificates.hasExpired(addDays(fleet.now, 9999))).toBe(false);
  const end = new Date("2026-06-01T00:00:00Z");
  await certificates.note({ serial: "0a", notAfter: end, commonName: "web-01" });
  const at = (ms: number) => new Date(end.getTime() + ms);
  expect([await certificates.hasExpired(at(-1)), await certificates.hasExpired(at(0))]).toEqual([
    false,
    true,
  ]);
  await certificates.prune(at(-1));
  expect((await certificates.issuedTo("web-01", at(-1))).certificates).toHaveLength(1);
  expect((await certificates.issuedTo("web-01", at(0))).certificates).toEqual([]);
  await certificates.prune(at(0));
  expect(readFileSync(file, "utf8")).toBe("0c some day web-01\n");
});
