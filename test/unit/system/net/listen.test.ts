import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { cannotListen, listen, mayRetryWithIpv4 } from "../../../../src/system/net/listen.ts";
import { listenTcp } from "../../../../src/system/net/tcp.ts";

const failure = (code: string) => Object.assign(new Error(code), { code });

test.each([
  [
    "EADDRINUSE",
    "busy",
    "another program has that port",
    'See which one: ss -tlnp "sport = :7443"',
  ],
  ["EADDRNOTAVAIL", "busy", "this host has no such address", "See which it has: ip address"],
  ["EACCES", "config", "permission denied (ports below 1024 need root)", undefined],
  ["EINVAL", "config", "EINVAL", undefined],
])("a port that cannot be bound: %s", (system, code, problem, hint) => {
  const error = cannotListen(failure(system), "192.0.2.1", 7443);
  expect(error).toMatchObject({ code, cause: failure(system) });
  expect(error.message).toBe(`Cannot listen on 192.0.2.1 port 7443: ${problem}`);
  expect(error.hint).toBe(hint);
});

test("a link-local address must name its interface", () => {
  expect(cannotListen(failure("EINVAL"), "fe80::1", 7443)).toMatchObject({
    code: "config",
    message: "Cannot listen on fe80::1 port 7443: it names no interface",
    hint: expect.stringContaining("fe80::1%eth0"),
  });
});

test("only where there is no IPv6 at all, IPv4 alone will do", () => {
  expect(mayRetryWithIpv4(failure("EAFNOSUPPORT"), "::")).toBe(true);
  expect(mayRetryWithIpv4(failure("EAFNOSUPPORT"), "::1")).toBe(false);
  expect(mayRetryWithIpv4(failure("EADDRINUSE"), "::")).toBe(false);
});

test("either kind of listener says its port, and who comes second gets the error", async () => {
  const server = createServer();
  const port = await listen(server, "127.0.0.1", 0);
  expect(port).toBeGreaterThan(0);
  const busy = { code: "busy", message: expect.stringContaining("another program has that port") };
  await expect(listen(createServer(), "127.0.0.1", port)).rejects.toMatchObject(busy);
  expect(() => listenTcp("127.0.0.1", port, () => undefined)).toThrow(
    expect.objectContaining(busy),
  );
  // A failed accept ends nothing.
  expect(server.emit("error", failure("EMFILE"))).toBe(true);
  server.close();
  const listening = listenTcp("127.0.0.1", 0, () => undefined);
  expect(listening.port).toBeGreaterThan(0);
  listening.stop();
  listenTcp("127.0.0.1", listening.port, () => undefined).stop();
});

test("a free port is below those for outgoing connections, and can be bound", () => {
  for (let count = 0; count < 5; count++) {
    const port = freePort();
    expect(port).toBeGreaterThanOrEqual(10_000);
    expect(port).toBeLessThanOrEqual(32_767);
    listenTcp("127.0.0.1", port, () => undefined).stop();
  }
  expect(() => freePort("192.0.2.1")).toThrow();
});
