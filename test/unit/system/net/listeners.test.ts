import { expect, test } from "bun:test";
import { listeners, listenersAt } from "../../../../src/system/net/listeners.ts";
import { TestFolder } from "../../../support/folder.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue\n";

test("the kernel's tables are read: those that listen, of both families", () => {
  using folder = new TestFolder();
  folder.write(
    "tcp",
    `${HEAD}   0: 0100007F:1D15 00000000:0000 0A 0\n   1: 0100007F:1D16 0100007F:1D15 01 0\n`,
  );
  folder.write(
    "tcp6",
    `${HEAD}   0: 00000000000000000000000000000000:1D14 00000000000000000000000000000000:0000 0A 0
   1: B80D0120000000000000000001000000:1D17 00000000000000000000000000000000:0000 0A 0\n`,
  );
  expect(listeners(folder.path)).toEqual([
    { address: "127.0.0.1", port: 7445 },
    { address: "0:0:0:0:0:0:0:0", port: 7444 },
    { address: "2001:db8:0:0:0:0:0:1", port: 7447 },
  ]);
  expect(listeners(folder.join("nowhere"))).toBeUndefined();
});

test("this process's own listener is among them", () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const there = { address: "127.0.0.1", port: server.port };
  expect(listeners()).toContainEqual(there);
  server.stop(true);
  expect(listeners()).not.toContainEqual(there);
});

test.each([
  ["127.0.0.1", "127.0.0.1", true],
  ["127.0.0.1", "0.0.0.0", true],
  ["127.0.0.1", "0:0:0:0:0:0:0:0", true],
  ["127.0.0.1", "10.0.0.1", false],
  ["0.0.0.0", "10.0.0.1", true],
  ["::", "10.0.0.1", true],
  ["::1", "0:0:0:0:0:0:0:1", true],
  ["2001:DB8::01", "2001:db8:0:0:0:0:0:1", true],
  ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1", true],
  ["::1", "0:0:0:0:0:0:0:2", false],
])("a server on %s meets one on %s: %p", (bind, address, meets) => {
  expect(listenersAt([{ address, port: 7445 }], bind, 7445)).toHaveLength(meets ? 1 : 0);
  expect(listenersAt([{ address, port: 7445 }], bind, 7446)).toEqual([]);
});
