/** What request bodies may hold together (T21, T64). */
import { expect, test } from "bun:test";
import { createServer, IncomingMessage, ServerResponse } from "node:http";
import { type AddressInfo, connect, Socket } from "node:net";
import { Bodies, ClientGone } from "../../../src/api/read-body.ts";
import { until } from "../../support/folder.ts";

/** A server that reads bodies; what became of each, in the order they ended. */
async function readingServer(bodies: Bodies) {
  const ends: unknown[] = [];
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const broken = new AbortController();
    request.socket.once("close", () => broken.abort());
    const source = { request, response, peer: "127.0.0.1", broken: broken.signal };
    bodies.read(source).then(
      (bytes) => {
        ends.push(bytes.toString());
        response.end();
      },
      (thrown) => ends.push(thrown),
    );
  };
  const server = createServer(onRequest).on("checkContinue", onRequest);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const send = (headers: string, bytes: string) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => undefined);
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${bytes}`);
    return socket;
  };
  return { ends, send, [Symbol.dispose]: () => void server.close() };
}

const chunk = (length: number) => `${length.toString(16)}\r\n${"x".repeat(length)}\r\n`;

test("T21 of a body whose length is announced all is counted, from its first byte on", async () => {
  const bodies = new Bodies();
  using server = await readingServer(bodies);
  const socket = server.send("Content-Length: 3000", "a");
  await until("it is counted", () => bodies.held > 0);
  expect(bodies.held).toBe(3000);
  socket.write("b".repeat(2999));
  await until("it is whole", () => server.ends.length > 0);
  expect(server.ends).toEqual([`a${"b".repeat(2999)}`]);
  expect(bodies.held).toBe(0);
  socket.destroy();
});

test("T21 of a body of unknown length the memory that it takes is counted, not its bytes", async () => {
  const bodies = new Bodies();
  using server = await readingServer(bodies);
  const socket = server.send("Transfer-Encoding: chunked", chunk(1000));
  await until("it is counted", () => bodies.held > 0);
  expect(bodies.held).toBe(1024);
  socket.write(chunk(100));
  await until("it has grown", () => bodies.held > 1024);
  expect(bodies.held).toBe(2048);
  socket.destroy();
  await until("it is given up", () => server.ends.length > 0);
  expect(server.ends[0]).toBeInstanceOf(ClientGone);
  expect(bodies.held).toBe(0);
});

test("T21 bodies that announce more than there is memory for lose it to each other", async () => {
  const bodies = new Bodies(10_000);
  using server = await readingServer(bodies);
  const sockets = Array.from({ length: 4 }, () => server.send("Content-Length: 4000", "a"));
  await until("two have been dropped", () => server.ends.length === 2);
  expect(bodies.held).toBe(8000);
  for (const socket of sockets) socket.destroy();
  await until("all are gone", () => bodies.held === 0);
});

test("T21 a body of 1 MiB is read, and a longer one refused: at once, if it says so", async () => {
  const most = 1_048_576;
  const tooLarge = {
    answer: {
      status: 413,
      body: { ok: false, error: "too large", detail: "the body is longer than 1048576 bytes" },
    },
  };
  const bodies = new Bodies();
  using server = await readingServer(bodies);
  const ended = async (headers: string, bytes: string) => {
    const before = server.ends.length;
    const socket = server.send(headers, bytes);
    await until("it has ended", () => server.ends.length > before);
    socket.destroy();
    return server.ends.at(-1);
  };
  const whole = await ended(`Content-Length: ${most}`, "x".repeat(most));
  expect((whole as string).length).toBe(most);
  expect(await ended(`Content-Length: ${most + 1}`, "")).toMatchObject(tooLarge);
  const chunked = "Transfer-Encoding: chunked";
  const half = chunk(most / 2);
  expect(await ended(chunked, `${half}${half}0\r\n\r\n`)).toBe(whole);
  expect(await ended(chunked, `${half}${half}${chunk(1)}`)).toMatchObject(tooLarge);
  await until("nothing is held", () => bodies.held === 0);
});

test("a request whose rest can never come is given up, though its connection is open", async () => {
  const bodies = new Bodies();
  const reading = (broken: AbortSignal) => {
    const request = new IncomingMessage(new Socket());
    const response = new ServerResponse(request);
    const read = bodies.read({ request, response, peer: "127.0.0.1", broken });
    request.emit("data", Buffer.from("half"));
    return read.catch((thrown) => thrown);
  };
  const breaking = new AbortController();
  const read = reading(breaking.signal);
  expect(bodies.held).toBe(1024);
  breaking.abort();
  expect(await read).toBeInstanceOf(ClientGone);
  expect(await reading(AbortSignal.abort())).toBeInstanceOf(ClientGone);
  expect(bodies.held).toBe(0);
});

test("a client that waits with its body is told to go on", async () => {
  using server = await readingServer(new Bodies());
  const socket = server.send("Content-Length: 2\r\nExpect: 100-continue", "");
  let got = "";
  socket.on("data", (data) => {
    got += data.toString("latin1");
  });
  await until("it may go on", () => got.startsWith("HTTP/1.1 100 Continue"));
  socket.write("ab");
  await until("it is read", () => server.ends.length === 1);
  expect(server.ends).toEqual(["ab"]);
  socket.destroy();
});
