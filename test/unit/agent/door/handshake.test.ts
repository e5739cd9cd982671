import { expect, test } from "bun:test";
import type { Socket } from "node:net";
import { handshake } from "../../../../src/agent/door/handshake.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { listenTcp } from "../../../../src/system/net/tcp.ts";
import { Authority } from "../../../support/authority.ts";
import { openTcp, openTls } from "../../../support/raw-agent.ts";

/** Accepts one connection and shakes hands with whom `connect` makes. */
async function shake(
  deadlineMs: number,
  connect: (port: number, ca: Authority) => Promise<Socket>,
) {
  const ca = await Authority.create({ name: "ca" });
  const own = await ca.issue("web-01");
  const accepted = Promise.withResolvers<Connection>();
  const listening = listenTcp("127.0.0.1", 0, accepted.resolve);
  const client = await connect(listening.port, ca);
  client.on("error", () => undefined);
  const connection = await accepted.promise;
  const outcome = await handshake(connection, { ...own, ca: ca.ca.pem }, deadlineMs);
  const { closed } = connection;
  connection.close();
  client.destroy();
  listening.stop();
  return { outcome, closed };
}

test("a certificate of the CA is let in, and shown", async () => {
  const { outcome, closed } = await shake(10_000, async (port, ca) =>
    openTls(port, await ca.issue("ctrl-exec")),
  );
  expect(outcome).toMatchObject({ kind: "done", peer: { subject: "CN=ctrl-exec" } });
  expect(closed).toBe(false);
});

test("T01 one of another CA is not", async () => {
  const other = await Authority.create({ name: "ca" });
  const { outcome, closed } = await shake(10_000, async (port) =>
    openTls(port, await other.issue("ctrl-exec")),
  );
  expect(outcome).toMatchObject({ kind: "failed", reason: expect.stringMatching(/[A-Z]+/) });
  expect(closed).toBe(true);
});

test("T19 a peer that says nothing fails at the deadline", async () => {
  const { outcome, closed } = await shake(30, async (port) => openTcp(port));
  expect(outcome).toEqual({ kind: "failed", reason: "handshake timed out" });
  expect(closed).toBe(true);
});

test("a peer that leaves without a byte has not tried", async () => {
  const { outcome } = await shake(10_000, async (port) => openTcp(port).end());
  expect(outcome).toEqual({ kind: "left" });
});

test("a peer that leaves halfway has", async () => {
  const { outcome } = await shake(10_000, async (port) =>
    openTcp(port).end(Buffer.from("16030102000100", "hex")),
  );
  expect(outcome).toMatchObject({ kind: "failed" });
});

test("a failure without a code is unknown, and what is not a failure of the connection is thrown", async () => {
  const failing = (thrown: Error) =>
    handshake(
      {
        heard: true,
        secureAsServer: () => Promise.reject(thrown),
      } as unknown as Connection,
      {},
      10,
    );
  expect(await failing(new ConnectionFailed(""))).toEqual({ kind: "failed", reason: "unknown" });
  await expect(failing(new Error("a fault of ours"))).rejects.toThrow("a fault of ours");
});
