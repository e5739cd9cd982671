/** T70: names that become files, and names that read as another host. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { dialAddress, targetOf } from "../../../../src/controller/fleet/targets.ts";
import { discoverHosts } from "../../../../src/controller/inventory/discovery.ts";
import { unpairAgent } from "../../../../src/controller/inventory/unpair.ts";
import { submitRequest } from "../../../../src/controller/pairing/queue.ts";
import { listRunLocks, takeRunLocks } from "../../../../src/controller/runs/locks.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { createCsr } from "../../../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../../../src/pki/keys.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.create();
});
afterEach(() => fleet[Symbol.asyncDispose]());

/** 63 is the most that a label may have. */
function nameOf(length: number): string {
  return `${"x".repeat(63)}.`.repeat(4).slice(0, length);
}

test.each([233, 250])(
  "T70 a host with a name of %d characters pairs, runs and is renewed",
  async (length) => {
    const name = nameOf(length);
    await fleet.addAgent(name);
    expect(await fleet.runFailures([name])).toEqual([]);
    expect(await listRunLocks(fleet.controller)).toEqual([]);
    const { expiry } = fleet.record(name);
    fleet.passDays(300);
    expect((await maintainOnce(fleet.controller)).renewed).toEqual([name]);
    expect(fleet.record(name).expiry).not.toBe(expiry);
    await unpairAgent(fleet.controller, name, true);
    expect(readdirSync(fleet.folder.join("control/state/agents"))).toEqual([]);
  },
);

test.each([
  [nameOf(251), "longer than 250 characters"],
  [nameOf(253), "longer than 250 characters"],
  ["2130706433", "a host name does not end in a number"],
  ["127.1", "a host name does not end in a number"],
])("T70 a request to pair %s is refused before it waits", async (hostname, why) => {
  const key = readPrivateKey(await generateKeyPem("ec"), "the key");
  const csr = await createCsr(hostname, key);
  const asked = { hostname, csr, nonce: "0".repeat(32) };
  const submission = await submitRequest(fleet.controller, asked, "127.0.0.1");
  expect(submission).toEqual({ kind: "invalid", why });
  expect(existsSync(fleet.folder.join("control/state/pairing"))).toBe(false);
});

test("T70 a script's lock on one host is not another script's on another", async () => {
  const take = async (host: string, script: string) => {
    const targets = await fleet.targets([host]);
    const order = { targets, script, reqid: "0123456789abcdef", username: "alice" };
    return takeRunLocks(fleet.controller, order);
  };
  const held = [await take("a", "b--c"), await take("a--b", "c"), await take("fe80::1%2a", "c")];
  held.push(await take("fe80::1:2", "c"));
  expect(
    (await listRunLocks(fleet.controller)).map(({ host, script }) => `${host} ${script}`).sort(),
  ).toEqual(["a b--c", "a--b c", "fe80::1%2a c", "fe80::1:2 c"]);
  await expect(take("A--B", "c")).rejects.toThrow("A--B:c");
  // An address that nobody has registered has one lock too.
  await expect(take("fe80:0::0001:0002", "c")).rejects.toThrow("fe80:0::0001:0002:c");
  for (const locks of held) locks.releaseAll();
});

describe.each(["2130706433", "127.1", "0x7f.1"])("T70 a host that was paired as %s", (name) => {
  beforeEach(async () => {
    const agent = await fleet.addAgent("web-01");
    const record = {
      hostname: name,
      ip: "192.0.2.1",
      lookup_by: "hostname",
      port: agent.config.port,
    };
    fleet.folder.write(`control/state/agents/${name}.json`, JSON.stringify(record));
    const { agents } = await fleet.controller.store.registry.read();
    expect([...agents.keys()].sort()).toEqual([name, "web-01"].sort());
  });

  test("is dialled at its recorded address, whatever a resolver reads from its name", async () => {
    const record = fleet.record(name);
    const found = (ip: string) => targetOf(name, { kind: "agent", record: { ...record, ip } });
    expect(await dialAddress(found("192.0.2.1"), 1000, "/f")).toBe("192.0.2.1");
    await expect(dialAddress(found(""), 1000, "/f")).rejects.toMatchObject({
      code: "config",
      message: `Cannot call ${name}: its name reads as another address`,
      hint: `Give its record one: ctrl-exec edit-agent ${name} --ip <address> --config /f`,
    });
  });

  test("keeps no other from being renewed", async () => {
    const { expiry } = fleet.record("web-01");
    const file = `control/state/agents/${name}.json`;
    const record = { ...fleet.record("web-01"), hostname: name, ip: "" };
    fleet.folder.write(file, JSON.stringify(record));
    fleet.passDays(300);
    const { renewed, problems } = await maintainOnce(fleet.controller);
    expect(renewed).toEqual(["web-01"]);
    expect(problems).toEqual([]);
    expect(fleet.record("web-01").expiry).not.toBe(expiry);
  });

  test("is found, and can be unpaired", async () => {
    fleet.folder.write(
      `control/state/agents/${name}.json`,
      JSON.stringify({ hostname: name, ip: "" }),
    );
    const found = await discoverHosts(fleet.controller, CALLER, undefined);
    expect(found.find(({ host }) => host === name)?.error).toStartWith(`Cannot call ${name}: `);
    await unpairAgent(fleet.controller, name, false);
    const { agents } = await fleet.controller.store.registry.read();
    expect([...agents.keys()]).toEqual(["web-01"]);
  });
});
