import { expect, test } from "bun:test";
import { join } from "node:path";
import { runCommand } from "../../../support/binary.ts";
import { mayHaveNetwork, NETWORK } from "../../../support/network.ts";

const PROGRAM = join(import.meta.dir, "../../../support/peers-program.ts");

test("the other end of a link is told with its interface, on either kind of socket and on both sides", async () => {
  // Where no network may be made, the loopback address must do.
  const hasNetwork = await mayHaveNetwork();
  const address = hasNetwork ? "fe80::1%d0" : "127.0.0.1";
  const { out, err } = await runCommand([process.execPath, PROGRAM, address, "127.0.0.1"], {
    network: hasNetwork ? NETWORK : undefined,
  });
  expect(err).toBe("");
  const one = { dialled: address, accepted: address, node: address };
  const other = { dialled: "127.0.0.1", accepted: "127.0.0.1", node: "127.0.0.1" };
  expect(JSON.parse(out)).toEqual([one, other]);
});
