/** Streams over real connections: whole ones, broken ones, and clients that do not read. */
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import type { StreamAnswer, StreamReader } from "../../../src/api/answer.ts";
import { InFlight } from "../../../src/api/in-flight.ts";
import { writeStream } from "../../../src/api/write-stream.ts";
import { startHttpServer } from "../../../src/system/net/http-server.ts";
import { until } from "../../support/folder.ts";

const TEXT = { "Content-Type": "text/plain" };

/** A server that answers every request so. */
async function serving(answer: Omit<StreamAnswer, "status">, unreadMs = 60_000) {
  const inFlight = new InFlight();
  const server = await startHttpServer({
    bind: "127.0.0.1",
    port: 0,
    secureContext: () => undefined,
    onRequest(request, response, peer, broken) {
      const due = inFlight.enter(request, response, peer, broken);
      due.streaming = true;
      void writeStream(request, response, { status: 200, ...answer }, { ...due, unreadMs });
    },
    refuse: () => "",
    connections: 16,
    onTlsFailure: () => undefined,
  });
  const sockets: Socket[] = [];
  const ask = (method = "GET", version = "1.1") => {
    const socket = connect({ port: server.port, host: "127.0.0.1" });
    sockets.push(socket);
    const got = { text: "", closed: false, socket };
    socket.on("data", (chunk) => {
      got.text += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      got.closed = true;
    });
    socket.write(`${method} / HTTP/${version}\r\nHost: x\r\n\r\n`);
    return got;
  };
  const dispose = () => {
    for (const socket of sockets) socket.destroy();
    server.stopAccepting();
    server.closeAll();
  };
  return { ask, inFlight, [Symbol.dispose]: dispose };
}

test("what is written comes at once, in chunks, and a last one ends it", async () => {
  const more = Promise.withResolvers<void>();
  using server = await serving({
    headers: TEXT,
    async send(reader) {
      await reader.write("one");
      await more.promise;
      await reader.write(Buffer.from("two"));
    },
  });
  const got = server.ask();
  await until("the first piece is here", () => got.text.includes("one"));
  expect(got.text).toMatch(/\r\nX-Request-Id: [0-9a-f]{16}\r\n/);
  expect(got.text).toContain("\r\nCache-Control: no-store\r\n");
  more.resolve();
  await until("it is over", () => got.text.endsWith("3\r\ntwo\r\n0\r\n\r\n"));
});

test("HEAD has no body, and none is made", async () => {
  let made = false;
  const send = async () => {
    made = true;
  };
  using server = await serving({ headers: TEXT, send });
  const got = server.ask("HEAD");
  await until("the head is here", () => got.text.endsWith("\r\n\r\n"));
  expect(got.text).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(made).toBe(false);
});

test("one that cannot be completed breaks off: nobody takes it for whole", async () => {
  using server = await serving({
    headers: TEXT,
    async send(reader) {
      await reader.write("half");
      throw new Error("no more");
    },
  });
  const got = server.ask();
  await until("it is closed", () => got.closed);
  expect(got.text).not.toEndWith("0\r\n\r\n");
});

/** Writes until nobody reads. */
function endless() {
  const state = { written: 0, ended: false };
  const piece = Buffer.alloc(65_536, "x");
  const send = async (reader: StreamReader) => {
    while (!reader.signal.aborted) {
      await reader.write(piece);
      state.written += piece.length;
    }
    state.ended = true;
  };
  return { state, answer: { headers: TEXT, send } };
}

test("T21 what is not read is not made, and it goes on when it is read", async () => {
  const { state, answer } = endless();
  using server = await serving(answer);
  const got = server.ask();
  await until("it has begun", () => got.text.length > 100_000);
  got.socket.pause();
  let before = -1;
  await until("nothing is written any more", async () => {
    const same = before === state.written;
    before = state.written;
    await Bun.sleep(100);
    return same;
  });
  // What the sockets hold between them.
  expect(state.written - got.text.length).toBeLessThan(16 << 20);
  got.socket.resume();
  await until("more is written", () => state.written > before + (8 << 20));
});

test("a client that leaves ends it", async () => {
  const { state, answer } = endless();
  using server = await serving(answer);
  const got = server.ask();
  await until("it has begun", () => got.text.length > 100_000);
  got.socket.destroy();
  await until("it has ended", () => state.ended);
  await until("nothing is under way", () => server.inFlight.due.length === 0);
});

test("T19 a client that takes nothing for too long is hung up on", async () => {
  const { state, answer } = endless();
  using server = await serving(answer, 200);
  const got = server.ask();
  await until("it has begun", () => got.text.length > 100_000);
  got.socket.pause();
  await until("it has ended", () => state.ended);
  await until("nothing is under way", () => server.inFlight.due.length === 0);
});

test("when the API stops, streams end whole, and one that is not read is cut", async () => {
  const { state, answer } = endless();
  using server = await serving(answer);
  const stopped = server.ask();
  stopped.socket.pause();
  const reading = server.ask();
  await until("it has begun", () => reading.text.length > 100_000);
  await until("both are under way", () => server.inFlight.due.length === 2);
  const began = performance.now();
  await server.inFlight.endStreams(300);
  expect(state.ended).toBe(true);
  await until("the reader has its end", () => reading.text.endsWith("0\r\n\r\n"));
  await until("nothing is under way", () => server.inFlight.due.length === 0);
  expect(performance.now() - began).toBeLessThan(3000);
});

test("a client of HTTP/1.0 gets the bytes alone, and the connection ends them", async () => {
  using server = await serving({
    headers: TEXT,
    send: async (reader) => await reader.write("all"),
  });
  const got = server.ask("GET", "1.0");
  await until("it is closed", () => got.closed);
  expect(got.text).toEndWith("\r\n\r\nall");
});
