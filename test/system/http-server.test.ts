import { expect, test } from "bun:test";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import {
  type HttpServerLimits,
  type RefusalStatus,
  startHttpServer,
} from "../../src/system/http-server.ts";

const SHORT: HttpServerLimits = { connections: 4, handshakeMs: 150, idleMs: 150 };

async function serve(
  onRequest: (request: IncomingMessage, response: ServerResponse) => void = (request, response) => {
    request.resume();
    request.once("end", () => response.end("answered"));
  },
) {
  const refused: RefusalStatus[] = [];
  const server = await startHttpServer({
    bind: "127.0.0.1",
    port: 0,
    secureContext: () => undefined,
    onRequest,
    refuse: (status) => {
      refused.push(status);
      return `HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
    },
    onTlsFailure: () => undefined,
    limits: SHORT,
  });
  return {
    refused,
    port: server.port,
    [Symbol.dispose]: () => {
      server.stopAccepting();
      server.closeAll();
    },
  };
}

/** Everything that comes until the connection is closed. */
async function received(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("error", () => undefined);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once("close", () => resolve());
  await promise;
  return text;
}

/** A byte of the text every few milliseconds: never idle, never done. */
function trickle(socket: Socket, text: string): Socket {
  const bytes = text[Symbol.iterator]();
  const timer = setInterval(() => socket.write(bytes.next().value ?? "x"), 10);
  socket.once("close", () => clearInterval(timer));
  return socket;
}

const open = (port: number) => connect({ port, host: "127.0.0.1" });

test("T19 a connection that says nothing is closed", async () => {
  using server = await serve();
  expect(await received(open(server.port))).toBe("");
});

test("T19 a head that trickles in has a total deadline", async () => {
  using server = await serve();
  const text = await received(trickle(open(server.port), "GET / HTTP/1.1\r\nHost: x\r\nX-A: "));
  expect(text).toStartWith("HTTP/1.1 408 ");
});

test("T19 a body that trickles in has a total deadline", async () => {
  using server = await serve();
  const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
  const socket = open(server.port);
  socket.write(head);
  expect(await received(trickle(socket, ""))).toStartWith("HTTP/1.1 408 ");
  expect(server.refused).toEqual([408]);
});

test("an answer may take longer than any of these", async () => {
  using server = await serve((request, response) => {
    request.resume();
    setTimeout(() => response.end("late"), SHORT.idleMs * 4);
  });
  const socket = open(server.port);
  socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
  expect(await received(socket)).toContain("late");
});

test("connections beyond the limit are told so, and the ones that are open still work", async () => {
  using server = await serve();
  const held = Array.from({ length: SHORT.connections }, () => open(server.port));
  await Promise.all(
    held.map((socket) => new Promise((resolve) => socket.once("connect", resolve))),
  );
  expect(await received(open(server.port))).toStartWith("HTTP/1.1 503 ");
  const [first] = held;
  first?.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(await received(first as Socket)).toContain("answered");
  for (const socket of held) socket.destroy();
});

test("T19 an address that holds every connection makes room for another's", async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  using server = await serve((request, response) => {
    request.resume();
    if (request.url === "/later") request.once("end", () => asked.resolve(response));
    else response.end("answered");
  });
  const from = (localAddress: string) => {
    const socket = connect({ host: "127.0.0.1", port: server.port, localAddress });
    socket.on("error", () => undefined);
    return socket;
  };
  const busy = from("127.0.0.2");
  busy.write("GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const response = await asked.promise;
  const held = Array.from({ length: SHORT.connections - 1 }, () => from("127.0.0.2"));
  await Promise.all(
    held.map((socket) => new Promise((resolve) => socket.once("connect", resolve))),
  );
  const other = from("127.0.0.3");
  other.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(await received(other)).toContain("answered");
  // The one that waits for its answer is not the one that went.
  response.end("at last");
  expect(await received(busy)).toContain("at last");
});

test("requests that are sent at once are answered in order", async () => {
  let count = 0;
  using server = await serve((request, response) => {
    request.resume();
    response.end(`<${request.url}:${count++}>`);
  });
  const socket = open(server.port);
  socket.write(
    ["/a", "/b", "/c"].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join("") +
      "GET /d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  );
  const text = await received(socket);
  expect(text.match(/<[^>]*>/g)).toEqual(["</a:0>", "</b:1>", "</c:2>", "</d:3>"]);
});

test("T21 a client that pipelines and never reads has a bounded number of requests taken", async () => {
  let taken = 0;
  const { promise: dropped, resolve } = Promise.withResolvers<void>();
  using server = await serve((request, response) => {
    if (taken++ === 0) request.socket.once("close", () => resolve());
    response.end("answered");
  });
  const socket = open(server.port).on("error", () => undefined);
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20_000));
  await dropped;
  socket.destroy();
  expect(taken).toBe(16);
});

test("T21 requests whose answers take long are bounded as well", async () => {
  let taken = 0;
  using server = await serve(() => void taken++);
  const socket = open(server.port);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(17));
  expect(await received(socket)).toBe("");
  expect(taken).toBe(16);
});

test("T19 an answer that nobody reads has a deadline", async () => {
  const { promise: dropped, resolve } = Promise.withResolvers<void>();
  const answer = "x".repeat(16 * 1024 * 1024);
  using server = await serve((_, response) => {
    response.once("close", () => resolve());
    response.end(answer);
  });
  const socket = open(server.port);
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await dropped;
  const text = received(socket);
  socket.resume();
  expect((await text).length).toBeLessThan(answer.length);
});
