/** How a connection is read, written and ended, from both ends. */
import { beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { connectTcp, listenTcp } from "../../../../src/system/net/tcp.ts";
import { Authority } from "../../../support/authority.ts";
import { connectionPair } from "../../../support/connection-pair.ts";
import { until } from "../../../support/folder.ts";

let ca: Authority;
beforeAll(async () => {
  ca = await Authority.create();
});

/** What a reader hears, in order. */
function hear(connection: Connection): string[] {
  const heard: string[] = [];
  connection.read({
    data: (bytes) => heard.push(String(bytes)),
    end: () => heard.push("end"),
    closed: (fault) => heard.push(`closed ${fault?.code ?? "in order"}`),
  });
  return heard;
}

const LARGE = Buffer.alloc(8 * 2 ** 20, "x");

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));

test("both ends know each other's address, and that they are on one host", async () => {
  using pair = await connectionPair(ca);
  for (const { address, isLocal, closed } of [pair.server, pair.client]) {
    expect([address, isLocal, closed]).toEqual(["127.0.0.1", true, false]);
  }
});

test("one that comes from another address of this host is not local; nor is one that has gone", async () => {
  const accepted = Promise.withResolvers<Connection>();
  const listener = listenTcp("127.0.0.1", 0, accepted.resolve);
  const peer = connect({ host: "127.0.0.1", port: listener.port, localAddress: "127.0.0.2" });
  const server = await accepted.promise;
  listener.stop();
  expect([server.address, server.isLocal]).toEqual(["127.0.0.2", false]);
  peer.destroy();
  server.close();
  using pair = await connectionPair(ca);
  pair.server.close();
  expect(pair.server.isLocal).toBe(false);
});

test("what came before there was a reader is read first, and its end and close as well", async () => {
  using pair = await connectionPair(ca);
  await pair.client.write("one");
  await turn();
  const heard = hear(pair.server);
  expect(heard).toEqual(["one"]);
  await pair.client.write("two");
  await until("more comes", () => heard.length === 2);
  await pair.client.end();
  await until("it ends", () => heard.length === 3);
  expect(heard).toEqual(["one", "two", "end"]);
  expect(hear(pair.server)).toEqual(["end"]);
  pair.server.close();
  expect(hear(pair.server)).toEqual(["end", "closed in order"]);
});

test("a reader that closes at an end that came before it hears of the close once", async () => {
  using pair = await connectionPair(ca);
  await pair.client.end();
  await turn();
  const heard: string[] = [];
  pair.server.read({
    data: () => undefined,
    end: () => pair.server.close(),
    closed: () => heard.push("closed"),
  });
  expect(heard).toEqual(["closed"]);
});

test("each write waits until it is taken, also after one that had to wait", async () => {
  using pair = await connectionPair(ca);
  hear(pair.client);
  await pair.server.write(LARGE);
  pair.client.pause();
  let taken = false;
  const writing = pair.server.write(LARGE).then(() => {
    taken = true;
  });
  await turn();
  expect(taken).toBe(false);
  pair.client.resume();
  await writing;
});

test("one whose reading is stopped hears nothing until it goes on", async () => {
  using pair = await connectionPair(ca);
  const heard = hear(pair.server);
  pair.server.pause();
  await pair.client.write("x");
  await turn();
  expect(heard).toEqual([]);
  pair.server.resume();
  await until("it comes", () => heard.length === 1);
});

test("who waits for the close hears of it once, with the fault, also when it is closed already", async () => {
  using pair = await connectionPair(ca);
  const told: (string | undefined)[] = [];
  const listener = (fault: ConnectionFailed | undefined) => void told.push(fault?.code);
  const gone = () => void told.push("gone");
  pair.server.onClose(gone);
  pair.server.onClose(listener);
  pair.server.offClose(gone);
  pair.server.fail(new ConnectionFailed("ETIMEDOUT"));
  pair.server.fail(new ConnectionFailed("EOTHER"));
  expect([told, pair.server.closed]).toEqual([["ETIMEDOUT"], true]);
  pair.server.onClose(listener);
  expect(told).toEqual(["ETIMEDOUT", "ETIMEDOUT"]);
  expect(hear(pair.server)).toEqual(["closed ETIMEDOUT"]);
  await pair.server.write("nobody");
});

test("a limit closes it unless it is stopped before", async () => {
  using pair = await connectionPair(ca);
  pair.server.failAfter(10).stop();
  await turn();
  await turn();
  expect(pair.server.closed).toBe(false);
  const heard = hear(pair.server);
  pair.server.failAfter(10);
  await until("it is over", () => heard.length > 0);
  expect(heard).toEqual(["closed ETIMEDOUT"]);
});

test.each([
  ["one piece", [LARGE]],
  ["pieces", [LARGE, "y"]],
])(
  "what was written in %s comes in order and whole before the end, however slowly it is read",
  async (_, pieces) => {
    using pair = await connectionPair(ca);
    pair.client.pause();
    // Nor is anything read from it, which is no reason to give up.
    pair.server.pause();
    let written = 0;
    for (const bytes of pieces) {
      void pair.server.write(bytes).then(() => {
        written += 1;
      });
    }
    const ended = pair.server.end();
    await turn();
    expect(written).toBe(0);
    let length = 0;
    let last = "";
    let over = false;
    pair.client.read({
      data: (bytes) => {
        length += bytes.length;
        last = String(bytes.subarray(-1));
      },
      end: () => {
        over = true;
      },
      closed: () => undefined,
    });
    pair.client.resume();
    await ended;
    await until("all has come", () => over);
    const whole = Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
    expect([length, last]).toEqual([whole.length, String(whole.subarray(-1))]);
    expect(written).toBe(pieces.length);
  },
);

test("one that is hung up on gets the last answer, and the connection closes when it ends too", async () => {
  using pair = await connectionPair(ca);
  const heard = hear(pair.client);
  // Nobody reads this any more.
  await pair.client.write("more");
  void pair.server.write("bye");
  await pair.server.hangUp();
  await until("it has the answer", () => heard.includes("end"));
  expect(heard.slice(0, 2)).toEqual(["bye", "end"]);
  expect(pair.server.closed).toBe(false);
  await pair.client.end();
  await until("it is closed", () => pair.server.closed);
});

test("no handshake begins on a connection that is closed", async () => {
  const accepted = Promise.withResolvers<Connection>();
  const listener = listenTcp("127.0.0.1", 0, accepted.resolve);
  const client = await connectTcp("127.0.0.1", listener.port, 10_000);
  const server = await accepted.promise;
  listener.stop();
  expect([client.heard, server.heard]).toEqual([false, false]);
  client.close();
  await expect(client.secureAsClient({}, 1000)).rejects.toMatchObject({ code: "ECONNRESET" });
  server.fail(new ConnectionFailed("ETIMEDOUT"));
  await expect(server.secureAsServer({}, 1000)).rejects.toMatchObject({ code: "ETIMEDOUT" });
});

test("no handshake begins with credentials that are not valid: the connection is closed", async () => {
  const accepted = Promise.withResolvers<Connection>();
  const listener = listenTcp("127.0.0.1", 0, accepted.resolve);
  const client = await connectTcp("127.0.0.1", listener.port, 10_000);
  const server = await accepted.promise;
  listener.stop();
  const handshake = client.secureAsClient({ cert: "no certificate", key: "no key" }, 10_000);
  await expect(handshake).rejects.toMatchObject({ code: "ECONNRESET", cause: expect.any(Error) });
  expect(client.closed).toBe(true);
  server.close();
});

test("one that is reset is closed at once, for both ends", async () => {
  using pair = await connectionPair(ca);
  const heard = hear(pair.client);
  pair.server.reset();
  expect(pair.server.closed).toBe(true);
  pair.server.reset();
  await until("the other hears of it", () => heard.some((word) => word.startsWith("closed")));
});

test("T19 one that is hung up on and sends without end is closed", async () => {
  using pair = await connectionPair(ca);
  await pair.server.hangUp();
  let sent = 0;
  while (!pair.client.closed && sent < 80) {
    await pair.client.write(LARGE.subarray(0, 2 ** 20));
    sent += 1;
  }
  // 64 MiB, and what the system holds.
  expect(sent).toBeGreaterThanOrEqual(64);
  await until("it is closed", () => pair.server.closed);
});
