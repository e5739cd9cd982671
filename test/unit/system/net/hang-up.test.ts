/** The end of a connection whose client still sends: RFC 9112 section 9.6. */
import { expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { type HangUpLimits, hangUp } from "../../../../src/system/net/hang-up.ts";
import { until } from "../../../support/folder.ts";

const LONG: HangUpLimits = { totalMs: 30_000, quietMs: 30_000, maxBytes: 1 << 30 };
const WORDS = "last words";

/** A connection that is hung up on; how long it then lasted, as its server sees it. */
async function hungUp(limits: Partial<HangUpLimits>, words = WORDS, writeMs = 30_000) {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const client = connect({ port: address.port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => undefined);
  let text = "";
  client.on("data", (chunk) => {
    text += chunk;
  });
  const socket = await accepted;
  socket.on("error", () => undefined);
  const started = performance.now();
  const closed = new Promise<number>((resolve) => {
    socket.once("close", () => resolve(performance.now() - started));
  });
  let closes = 0;
  const close = () => {
    closes += 1;
    socket.destroy();
  };
  hangUp(socket, close, writeMs, words, { ...LONG, ...limits });
  return {
    client,
    closed,
    closes: () => closes,
    read: () => socket.bytesRead,
    text: () => text,
    [Symbol.dispose]: () => {
      client.destroy();
      socket.destroy();
      server.close();
    },
  };
}

/** Sends a byte every so often, until the connection is closed. */
function drip(client: Socket, everyMs: number): void {
  const timer = setInterval(() => client.write("x"), everyMs);
  client.once("close", () => clearInterval(timer));
}

test("it is closed when the client ends too, which has read the last words", async () => {
  using connection = await hungUp({});
  connection.client.once("end", () => connection.client.end());
  await connection.closed;
  expect(connection.text()).toBe(WORDS);
});

test("a client that is quiet is waited for no longer than that", async () => {
  using connection = await hungUp({ quietMs: 100 });
  expect(await connection.closed).toBeLessThan(LONG.totalMs / 2);
});

test("a client that still sends is not quiet, and is read for all of the time", async () => {
  using connection = await hungUp({ totalMs: 1500, quietMs: 500 });
  drip(connection.client, 20);
  expect(await connection.closed).toBeGreaterThan(1400);
});

test("T19 a client that sends for ever is closed in the end", async () => {
  using connection = await hungUp({ totalMs: 200 });
  drip(connection.client, 20);
  expect(await connection.closed).toBeLessThan(LONG.quietMs / 2);
});

test("T19 so is one that sends too much", async () => {
  using connection = await hungUp({ maxBytes: 100_000 });
  connection.client.write("x".repeat(99_999));
  await until("it is read", () => connection.read() === 99_999);
  expect(connection.closes()).toBe(0);
  connection.client.write("xx");
  await connection.closed;
});

test("T19 one that does not read what is written has the time for writing", async () => {
  using connection = await hungUp({}, "x".repeat(64 << 20), 200);
  connection.client.pause();
  expect(await connection.closed).toBeLessThan(LONG.totalMs / 2);
});
