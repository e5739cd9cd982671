import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import * as z from "zod/mini";
import { readPost, watchSentBytes } from "../../../../src/controller/pairing/reading.ts";
import { listen } from "../../../../src/system/net/listen.ts";
import { Authority } from "../../../support/authority.ts";

/** Two requests, each of the longest head and the longest body (docs/PROTOCOL.md, section 1). */
const ALLOWED = 2 * (8192 + 65_536);

test("T21 a peer may send what two requests take, and not a byte more", async () => {
  const { cert, key } = await (await Authority.create()).issue("ctrl-exec");
  const arrived = Promise.withResolvers<void>();
  const tooMany = Promise.withResolvers<void>();
  const more = Promise.withResolvers<void>();
  let complaints = 0;
  const server = createServer({ cert, key }, (socket) => {
    watchSentBytes(socket, () => {
      complaints += 1;
      tooMany.resolve();
    });
    let bytes = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      if (bytes === ALLOWED) arrived.resolve();
      if (bytes === ALLOWED + 2) more.resolve();
    });
  });
  const port = await listen(server, "127.0.0.1", 0);
  const peer = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  peer.write(Buffer.alloc(ALLOWED));
  await arrived.promise;
  expect(complaints).toBe(0);
  peer.write("x");
  await tooMany.promise;
  peer.write("x");
  await more.promise;
  expect(complaints).toBe(1);
  peer.destroy();
  server.close();
});

/** Both ends of a connection. */
async function connected() {
  const { cert, key } = await (await Authority.create()).issue("ctrl-exec");
  const { promise, resolve } = Promise.withResolvers<TLSSocket>();
  const server = createServer({ cert, key }, resolve);
  const port = await listen(server, "127.0.0.1", 0);
  const peer = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  peer.on("error", () => undefined);
  const socket = await promise;
  socket.on("error", () => undefined);
  const dispose = () => {
    peer.destroy();
    socket.destroy();
    server.close();
  };
  return { peer, socket, [Symbol.dispose]: dispose };
}

const word = z.object({ word: z.string() });
const read = (socket: TLSSocket) => readPost(socket, "/say", word);
const post = (line: string, body = '{"word":"yes"}') =>
  `${line}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

test.each([
  ["a request", post("POST /say HTTP/1.0"), { word: "yes" }],
  ["one of HTTP/1.1", post("POST /say HTTP/1.1"), { word: "yes" }],
  ["one for something else", post("POST /says HTTP/1.0"), undefined],
  ["another method", post("PUT /say HTTP/1.0"), undefined],
  ["another version", post("POST /say HTTP/2.0"), undefined],
  ["a body of another shape", post("POST /say HTTP/1.0", '{"word":1}'), undefined],
  ["a body that is not JSON", post("POST /say HTTP/1.0", "{"), undefined],
  ["a head that is not one", "POST /say HTTP/1.0\r\nContent-Length: x\r\n\r\n", undefined],
])("%s is read at once: %p", async (_, sent, expected) => {
  using pair = await connected();
  const reading = read(pair.socket);
  pair.peer.write(sent);
  expect(await reading).toEqual(expected);
  expect([pair.socket.listenerCount("data"), pair.socket.destroyed]).toEqual([0, false]);
  // Whoever leaves afterwards is noticed.
  const ended = once(pair.socket, "end");
  pair.peer.end();
  await ended;
});

test("a request may come in pieces, and a second one after it", async () => {
  using pair = await connected();
  const listeners = pair.socket.listenerCount("close");
  for (const _ of ["first", "second"]) {
    const reading = read(pair.socket);
    const text = post("POST /say HTTP/1.0");
    pair.peer.write(text.slice(0, 20));
    const arrived = once(pair.socket, "data");
    await arrived;
    pair.peer.write(text.slice(20));
    expect(await reading).toEqual({ word: "yes" });
  }
  expect(pair.socket.listenerCount("close")).toBe(listeners);
});

test("a peer that leaves, or has left, sends nothing more", async () => {
  using pair = await connected();
  const reading = read(pair.socket);
  pair.peer.write("POST /say");
  pair.peer.destroy();
  expect(await reading).toBeUndefined();
  expect(pair.socket.destroyed).toBe(true);
  expect(await read(pair.socket)).toBeUndefined();
});
