/** What request bodies may hold together (T21, T64). */
import { expect, test } from "bun:test";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { Bodies, ClientGone } from "../../../src/api/read-body.ts";
import { until } from "../../support/folder.ts";

/** A server that reads bodies; what became of each, in the order they ended. */
async function readingServer(bodies: Bodies) {
  const ends: unknown[] = [];
  const server = createServer((request, response) => {
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
  });
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
