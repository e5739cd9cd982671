/** The end of a connection whose client still sends: RFC 9112 section 9.6. */
import { expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { type HangUpLimits, hangUp } from "../../../../src/system/net/hang-up.ts";
import { until } from "../../../support/folder.ts";

const LONG: HangUpLimits = { totalMs: 30_000, quietMs: 30_000, maxBytes: 1 << 30 };
const WORDS = "last words";

/**
 * A connection that is hung up on; how long it then lasted, as its server sees it.
 *
 * @param before what happened on it
 */
async function hungUp(
  limits: Partial<HangUpLimits>,
  words = WORDS,
  writeMs = 30_000,
  before: (socket: Socket, client: Socket) => void | Promise<void> = () => undefined,
) {
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
  const errors: string[] = [];
  socket.on("error", ({ message }) => void errors.push(message));
  await before(socket, client);
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
    errors,
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
  // The time for writing is over by then, and no longer counts.
  using connection = await hungUp({ totalMs: 1500, quietMs: 500 }, WORDS, 700);
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
  connection.client.write("x".repeat(100_000));
  await until("it is read", () => connection.read() === 100_000);
  await new Promise(setImmediate);
  expect(connection.closes()).toBe(0);
  connection.client.write("x");
  await connection.closed;
});

test("T19 one that does not read what is written has the time for writing", async () => {
  using connection = await hungUp({}, "x".repeat(64 << 20), 200);
  connection.client.pause();
  expect(await connection.closed).toBeLessThan(LONG.totalMs / 2);
});

test("nobody else hears what still comes, and nothing more happens once it is closed", async () => {
  const heard: string[] = [];
  using connection = await hungUp({ quietMs: 40, totalMs: 60 }, WORDS, 30_000, (socket) => {
    socket.on("data", (chunk) => void heard.push(String(chunk)));
    // As after a request that is refused.
    socket.pause();
  });
  connection.client.end("more");
  await connection.closed;
  expect(connection.closes()).toBe(1);
  await Bun.sleep(100);
  expect([heard, connection.closes(), connection.errors]).toEqual([[], 1, []]);
});

test("one that was not read is read until its client ends", async () => {
  using connection = await hungUp({}, WORDS, 30_000, (socket) => void socket.pause());
  connection.client.end("more");
  expect(await connection.closed).toBeLessThan(LONG.quietMs / 2);
});

test("one whose client has ended already is closed as soon as all is written", async () => {
  using connection = await hungUp({}, WORDS, 30_000, async (socket, client) => {
    const ended = new Promise((resolve) => socket.once("end", resolve));
    socket.resume();
    client.end();
    await ended;
  });
  expect(await connection.closed).toBeLessThan(LONG.quietMs / 2);
  await until("the last words are read", () => connection.text() === WORDS);
});

test.each([
  ["is being sent", false],
  ["has been sent", true],
])("after an answer that %s there are no last words", async (_, isSent) => {
  using connection = await hungUp({ quietMs: 100 }, WORDS, 30_000, async (socket) => {
    const sent = new Promise((resolve) => socket.once("finish", resolve));
    socket.end("answer");
    if (isSent) await sent;
  });
  expect(await connection.closed).toBeLessThan(LONG.totalMs / 2);
  await until("the answer is read", () => connection.text() !== "");
  expect([connection.text(), connection.errors]).toEqual(["answer", []]);
});
