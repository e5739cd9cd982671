import { expect, test } from "bun:test";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { handshake } from "../../../src/agent/door/handshake.ts";
import { tlsContext } from "../../../src/system/tls.ts";
import { Authority } from "../../support/authority.ts";
import { openTcp, openTls } from "../../support/raw-agent.ts";

/** Accepts one connection and shakes hands with whom `connect` makes. */
async function shake(
  deadlineMs: number,
  connect: (port: number, ca: Authority) => Promise<Socket>,
) {
  const ca = await Authority.create({ name: "ca" });
  const own = await ca.issue("web-01");
  const context = tlsContext({ ...own, ca: ca.ca.pem });
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const accepted = once(server, "connection");
  const client = await connect(typeof address === "object" && address ? address.port : 0, ca);
  client.on("error", () => undefined);
  const [raw] = (await accepted) as [Socket];
  const outcome = await handshake(raw, context, deadlineMs);
  const closed = raw.destroyed;
  raw.destroy();
  client.destroy();
  server.close();
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
