import { expect, test } from "bun:test";
import { join } from "node:path";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { interfaceName, socketAddress } from "../../../../src/system/net/socket-address.ts";
import { runCommand } from "../../../support/binary.ts";
import { mayHaveNetwork, NETWORK } from "../../../support/network.ts";

const PROGRAM = join(import.meta.dir, "../../../support/call-program.ts");

/** The interface's number, where sockaddr_in6 has it. */
const zoneOf = (address: string) => socketAddress(address, 7443).bytes.readUInt32LE(24);

test("a zone is an interface's name, or its number as getaddrinfo writes it", () => {
  const first = interfaceName(1);
  expect([zoneOf(`fe80::1%${first}`), zoneOf("fe80::1%1"), zoneOf("fe80::1")]).toEqual([1, 1, 0]);
});

test.each(["no-such-if", "0", "01", "1234567890"])("%s is not a zone", (zone) => {
  expect(() => socketAddress(`fe80::1%${zone}`, 7443)).toThrow(new ConnectionFailed("ENODEV"));
});

test("T67 an interface's altname is not a zone, even one that looks like a number", async () => {
  if (!(await mayHaveNetwork())) return;
  const altnames = ["d0alt", "77"].map((name) => `ip link property add dev d0 altname ${name}`);
  const calls = ["fe80::1%d0alt 1 20000", "fe80::1%77 1 20000"];
  const { out } = await runCommand([process.execPath, PROGRAM, ...calls], {
    network: [...NETWORK, ...altnames],
  });
  expect(JSON.parse(out)).toEqual(["ENODEV", "ENODEV"]);
});
