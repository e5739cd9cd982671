import { describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { storeCertificate } from "../../../../src/agent/trust/identity-files.ts";
import { editAgent } from "../../../../src/controller/inventory/agents.ts";
import { type Contact, rememberContacts } from "../../../../src/controller/inventory/contacts.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import { changeAgents } from "../../../../src/controller/store/registry.ts";
import { signHost } from "../../../../src/controller/trust/ca.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import { addDays, isoSeconds, opensslTime } from "../../../../src/core/time.ts";
import { publicKeyBytes, readPrivateKey } from "../../../../src/pki/keys.ts";
import { readText } from "../../../../src/system/files/files.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

async function edit(fleet: LocalFleet, changes: Partial<AgentRecord>): Promise<void> {
  await changeAgents(fleet.controller.config, (record) => ({ ...record, ...changes }));
}

test.each([
  ["before", 100],
  ["after", 500],
])("the record learns of a certificate that ends %s what it says", async (_, days) => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const { controller } = fleet;
  // As when the answer that told of a renewal was lost, or a backup was put back.
  const key = publicKeyBytes(readPrivateKey(readText(agent.config.key), "the key"));
  const other = { ...controller, config: { ...controller.config, cert_days: days } };
  const certificate = await signHost(other, "web-01", key);
  storeCertificate(agent.config, certificate.pem);
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
  expect(fleet.record("web-01").expiry).toBe(opensslTime(certificate.notAfter));
  // That of a renewal. One from a backup leaves what the record says, so that both are revoked.
  const isTaught = fleet.record("web-01").serial === certificate.serial;
  expect(isTaught).toBe(days > 365);
  expect(fleet.log.of("renew-complete")).toEqual([]);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
  expect(fleet.log.of("renew-complete")).toEqual([]);
});

test("a host that has moved is recorded where it was called, and is no more at its old address", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("localhost");
  await editAgent(fleet.controller, "localhost", { ip: "192.0.2.7", lookupBy: "hostname" });
  const both = ["localhost", `192.0.2.7:${agent.config.port}`];
  await expect(fleet.targets(both)).rejects.toThrow("is given twice");
  expect(await fleet.runFailures(["localhost"])).toEqual([]);
  expect(fleet.record("localhost").ip).toBe("127.0.0.1");
  expect(await fleet.targets(both)).toHaveLength(2);
});

test("a host that takes the serial in force confirms it once, and from then on is not news", async () => {
  await using fleet = await LocalFleet.create();
  await (await fleet.addAgent("web-01")).stop();
  const { controller } = fleet;
  const { serial } = loadCredential(controller.config, fleet.now).certificate;
  const contact = (): Contact => {
    return { record: fleet.record("web-01"), serial, refused: false, shown: undefined };
  };
  // As when the agent was told and its answer was lost.
  await edit(fleet, { dispatcher_serial: serial, serial_status: "pending" });
  fleet.passDays(1);
  expect([...(await rememberContacts(controller, serial, [contact()])).keys()]).toEqual(["web-01"]);
  const confirmed = { serial_status: "current", serial_confirmed: isoSeconds(fleet.now) } as const;
  expect(fleet.record("web-01")).toMatchObject(confirmed);
  fleet.passDays(1);
  expect((await rememberContacts(controller, serial, [contact()])).size).toBe(0);
  expect(fleet.record("web-01")).toMatchObject(confirmed);
  expect(fleet.log.of("serial-confirmed")).toHaveLength(1);
});

describe("what a contact does not teach", () => {
  const SHOWN = { serial: "0aff", address: "198.51.100.9", port: 7443 };

  async function learned(changes: Partial<AgentRecord>, contact: Partial<Contact> = {}) {
    await using fleet = await LocalFleet.create();
    await (await fleet.addAgent("web-01")).stop();
    await edit(fleet, { port: 7443, lookup_by: "hostname", ip: "192.0.2.7", ...changes });
    const record = fleet.record("web-01");
    const notAfter = addDays(fleet.now, 10);
    const { serial } = loadCredential(fleet.controller.config, fleet.now).certificate;
    const whole = { record, serial, refused: false, shown: { ...SHOWN, notAfter }, ...contact };
    await rememberContacts(fleet.controller, serial, [whole]);
    const after = fleet.record("web-01");
    return { ip: after.ip, expiry: after.expiry !== record.expiry };
  }

  test("(it teaches both)", async () => {
    expect(await learned({})).toEqual({ ip: "198.51.100.9", expiry: true });
  });

  test("(an address of a link too, when it says of which)", async () => {
    const shown = { ...SHOWN, address: "fe80::1%eth0", notAfter: addDays(new Date(), 10) };
    expect((await learned({}, { shown })).ip).toBe("fe80::1%eth0");
  });

  test("an address, when the operator says which is dialled", async () => {
    expect((await learned({ lookup_by: "ip" })).ip).toBe("192.0.2.7");
  });

  test("an address, when another port led to the host, as through NAT or a tunnel", async () => {
    expect((await learned({ port: 8443 })).ip).toBe("192.0.2.7");
  });

  test("an address of a link, which means nothing without its interface", async () => {
    const shown = { ...SHOWN, address: "fe80::1", notAfter: addDays(new Date(), 10) };
    expect((await learned({}, { shown })).ip).toBe("192.0.2.7");
  });

  test("anything, on a connection that was there already", async () => {
    expect(await learned({}, { shown: undefined })).toEqual({ ip: "192.0.2.7", expiry: false });
  });

  test("an address or an end that was changed here while the host was asked", async () => {
    await using fleet = await LocalFleet.create();
    await (await fleet.addAgent("web-01")).stop();
    await edit(fleet, { port: 7443, lookup_by: "hostname", ip: "192.0.2.7" });
    const record = fleet.record("web-01");
    await edit(fleet, { ip: "192.0.2.8", serial: "77" });
    const shown = { ...SHOWN, notAfter: addDays(fleet.now, 10) };
    const { serial } = loadCredential(fleet.controller.config, fleet.now).certificate;
    await rememberContacts(fleet.controller, serial, [{ record, serial, refused: false, shown }]);
    expect(fleet.record("web-01")).toMatchObject({ ip: "192.0.2.8", expiry: record.expiry });
  });
});

test("what cannot be recorded was not learned, the log says why, and nobody is kept from his work", async () => {
  await using fleet = await LocalFleet.create();
  await (await fleet.addAgent("web-01")).stop();
  const record = fleet.record("web-01");
  const locks = fleet.folder.join("control/state/locks");
  rmSync(locks, { recursive: true, force: true });
  fleet.folder.write("control/state/locks", "in the way");
  const shown = { serial: "0aff", address: "", port: 7443, notAfter: addDays(fleet.now, 10) };
  const { serial } = loadCredential(fleet.controller.config, fleet.now).certificate;
  const contact = { record, serial, refused: false, shown };
  expect((await rememberContacts(fleet.controller, serial, [contact])).size).toBe(0);
  expect(fleet.log.of("config-warn").map(({ fields }) => fields)).toEqual([
    { KEY: "state_dir", MSG: expect.stringContaining(locks) },
  ]);
  expect(fleet.record("web-01")).toEqual(record);
});
