import { expect, test } from "bun:test";
import { appendFileSync, readFileSync } from "node:fs";
import { unpairAgent } from "../../../../src/controller/inventory/unpair.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { changeAgents } from "../../../../src/controller/store/registry.ts";
import { signHost } from "../../../../src/controller/trust/ca.ts";
import { addDays, opensslTime } from "../../../../src/core/time.ts";
import { publicKeyBytes, readPrivateKey } from "../../../../src/pki/keys.ts";
import { readText } from "../../../../src/system/files/files.ts";
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
