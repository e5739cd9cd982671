import { afterEach, expect, jest, test } from "bun:test";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import type { RefusalStatus } from "../../../../src/system/net/http-connection.ts";
import { type HttpServerLimits, startHttpServer } from "../../../../src/system/net/http-server.ts";
import { tlsContext } from "../../../../src/system/net/tls.ts";
import { Authority } from "../../../support/authority.ts";
import { until } from "../../../support/folder.ts";
import { writeThenRead } from "../../../support/write-then-read.ts";

afterEach(() => void jest.useRealTimers());

const SHORT: HttpServerLimits = { handshakeMs: 2_000, idleMs: 150, onItsWayMs: 0 };
/** Where an answer has to arrive however busy the machine is. */
const LONG: HttpServerLimits = { handshakeMs: 20_000, idleMs: 20_000, onItsWayMs: 0 };
/** Of 9 connections one is for those that are turned away. */
const CONNECTIONS = 9;
const ADMITTED = 8;

async function serve(
  onRequest: (
    request: IncomingMessage,
    response: ServerResponse,
    peer: string,
    broken: AbortSignal,
  ) => void = (request, response) => {
    request.resume();
    request.once("end", () => response.end("answered"));
  },
  context?: SecureContext,
  limits = SHORT,
  connections = CONNECTIONS,
) {
  const refused: RefusalStatus[] = [];
  const tlsFailures: string[] = [];
  const server = await startHttpServer({
    bind: "127.0.0.1",
    port: 0,
    secureContext: () => context,
    onRequest,
    refuse: (status) => {
      refused.push(status);
      return refusalText(status);
    },
    onTlsFailure: (_, reason) => tlsFailures.push(reason),
    connections,
    limits,
  });
  return {
    refused,
    tlsFailures,
    port: server.port,
    [Symbol.dispose]: () => {
      server.stopAccepting();
      server.closeAll();
    },
  };
}

const refusalText = (status: number) =>
  `HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;

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

test("a request is answered that was sent at the end of the time that was announced for it", async () => {
  using server = await serve(undefined, undefined, { ...SHORT, onItsWayMs: LONG.idleMs });
  const socket = open(server.port);
  const text = received(socket);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  await Bun.sleep(SHORT.idleMs + 50);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect((await text).match(/answered/g)).toHaveLength(2);
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
  const held = Array.from({ length: ADMITTED }, () => open(server.port));
  await Promise.all(
    held.map((socket) => new Promise((resolve) => socket.once("connect", resolve))),
  );
  expect(await received(open(server.port))).toStartWith("HTTP/1.1 503 ");
  const [first] = held;
  first?.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(await received(first as Socket)).toContain("answered");
  for (const socket of held) socket.destroy();
});

test("T19 with TLS, or where no place is kept for saying so, one beyond the limit is just closed", async () => {
  const ca = await Authority.create();
  const { cert, key } = await ca.issue("localhost");
  const few = ADMITTED - 1;
  for (const [server, places] of [
    [await serve(undefined, tlsContext({ cert, key }), LONG), ADMITTED],
    [await serve(undefined, undefined, LONG, few), few],
  ] as const) {
    using _server = server;
    const held = Array.from({ length: places }, () => open(server.port));
    await Promise.all(held.map((socket) => new Promise((done) => socket.once("connect", done))));
    expect(await received(open(server.port))).toBe("");
    expect(server.refused).toEqual([]);
    for (const socket of held) socket.destroy();
  }
});

test("T19 as many as are kept for it are told so at once, and again when one of them has gone", async () => {
  using server = await serve(undefined, undefined, LONG);
  const held = Array.from({ length: ADMITTED }, () => open(server.port));
  await Promise.all(held.map((socket) => new Promise((done) => socket.once("connect", done))));
  const told = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
  await new Promise((resolve) => told.once("data", resolve));
  expect(await received(open(server.port))).toBe("");
  expect(server.refused).toEqual([503]);
  told.destroy();
  let text = "";
  for (let tries = 0; text === "" && tries < 500; tries++) {
    text = await received(open(server.port));
  }
  expect(text).toStartWith("HTTP/1.1 503 ");
  for (const socket of held) socket.destroy();
});

test("a request that expects something else than to go on is answered like any other", async () => {
  using server = await serve(undefined, undefined, LONG);
  const socket = open(server.port);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\nExpect: patience\r\nConnection: close\r\n\r\n");
  expect(await received(socket)).toContain("answered");
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
  const held = Array.from({ length: ADMITTED - 1 }, () => from("127.0.0.2"));
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

test("T19 one that was answered before its request was whole makes room like any other", async () => {
  using server = await serve(
    (request, response) => {
      request.resume();
      response.end("answered");
    },
    undefined,
    LONG,
  );
  const from = (localAddress: string) => {
    const socket = connect({ host: "127.0.0.1", port: server.port, localAddress });
    socket.on("error", () => undefined);
    return socket;
  };
  const held = Array.from({ length: ADMITTED }, () => from("127.0.0.2"));
  const early = held.map(async (socket) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{");
    while (!text.includes("answered")) await Bun.sleep(1);
    socket.write("}");
  });
  await Promise.all(early);
  const other = from("127.0.0.3");
  other.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(await received(other)).toContain("answered");
  for (const socket of held) socket.destroy();
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

test("T64 nor have the answers behind it, which wait for their turn, when nobody reads them", async () => {
  const { promise: dropped, resolve } = Promise.withResolvers<void>();
  using server = await serve((request, response) => {
    request.socket.once("close", () => resolve());
    if (request.url === "/small") setTimeout(() => response.end("small"), 20);
    else response.end("x".repeat(16 * 1024 * 1024));
  });
  const socket = open(server.port).on("error", () => undefined);
  socket.pause();
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
  socket.write(get("/small") + get("/large") + get("/large"));
  await dropped;
  socket.destroy();
});

const CHUNKED = "POST /chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

const UNREADABLE: readonly (readonly [name: string, bytes: string])[] = [
  ["a chunk whose size is not a number", `${CHUNKED}5\r\nhello\r\nzz\r\n`],
  ["a chunk that is longer than it says", `${CHUNKED}5\r\nhello!\r\n0\r\n\r\n`],
  ["a chunk size that no integer holds", `${CHUNKED}${"f".repeat(40)}\r\n`],
  ["a trailer that is not a header", `${CHUNKED}5\r\nhello\r\n0\r\nno header\r\n\r\n`],
  ["a NUL in a trailer", `${CHUNKED}5\r\nhello\r\n0\r\nX: \0\r\n\r\n`],
  ["no HTTP", "\x16\x03\x01\x02\0\r\n\r\n"],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  [
    "two framings",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a length that is not valid", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\nhello"],
];

test.each(UNREADABLE)("T64 %s: answered with 400, let go at once, and closed", async (_, bytes) => {
  let reading = 0;
  using server = await serve((request, response, _peer, broken) => {
    reading += 1;
    request.resume();
    broken.addEventListener("abort", () => {
      reading -= 1;
    });
    request.once("end", () => response.end("answered"));
  });
  const socket = open(server.port);
  const { promise: answered, resolve } = Promise.withResolvers<number>();
  socket.once("data", () => resolve(reading));
  socket.write(bytes);
  const text = received(socket);
  expect(await answered).toBe(0);
  expect(await text).toBe(refusalText(400));
});

test.each(["plain HTTP", "TLS"])(
  "T64 over %s a client that was refused and never hangs up is closed all the same",
  async (over) => {
    const { cert, key } = await (await Authority.create()).issue("api");
    const context = over === "TLS" ? tlsContext({ cert, key }) : undefined;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    using server = await serve(
      (request) => {
        request.resume();
        request.socket.once("close", () => resolve());
      },
      context,
      LONG,
    );
    const raw = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
    raw.on("error", () => undefined);
    const half = { socket: raw, rejectUnauthorized: false, allowHalfOpen: true };
    const socket = context === undefined ? raw : connectTls(half);
    socket.on("error", () => undefined);
    const { promise: answered, resolve: answer } = Promise.withResolvers<string>();
    socket.once("data", (chunk: Buffer) => answer(chunk.toString()));
    socket.write(`${CHUNKED}zz\r\n`);
    expect(await answered).toBe(refusalText(400));
    await closed;
    raw.destroy();
  },
);

test("what breaks a TLS connection is a failure of the handshake only before its end", async () => {
  const { cert, key } = await (await Authority.create()).issue("api");
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const onRequest = (request: IncomingMessage) => {
    request.resume();
    request.socket.once("close", () => resolve());
  };
  using server = await serve(onRequest, tlsContext({ cert, key }), LONG);
  const stranger = open(server.port);
  stranger.write("GET / HTTP/1.1\r\n\r\n");
  await received(stranger);
  expect(server.tlsFailures).toHaveLength(1);

  const raw = open(server.port);
  raw.on("error", () => undefined);
  const socket = connectTls({ socket: raw, rejectUnauthorized: false });
  socket.on("error", () => undefined);
  await new Promise<void>((secured) => socket.once("secureConnect", () => secured()));
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  raw.resetAndDestroy();
  await closed;
  expect(server.tlsFailures).toHaveLength(1);
});

test("T64 a TLS handshake that is not finished has its deadline", async () => {
  const { cert, key } = await (await Authority.create()).issue("api");
  using server = await serve(undefined, tlsContext({ cert, key }));
  // The head of a record that promises a ClientHello.
  for (const bytes of ["", "\x16\x03\x01\x02\0", "GET / HTTP/1.1\r\n\r\n"]) {
    const socket = open(server.port);
    socket.write(bytes, "latin1");
    expect(await received(trickle(socket, ""))).not.toContain("HTTP/1.1");
  }
});

test("T64 the limit of a handshake is none of what comes after it", async () => {
  const { cert, key } = await (await Authority.create()).issue("api");
  using server = await serve(undefined, tlsContext({ cert, key }), {
    ...LONG,
    handshakeMs: 10_000,
  });
  jest.useFakeTimers();
  const socket = connectTls({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
  const text = received(socket);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  jest.advanceTimersByTime(15_000);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect((await text).match(/answered/g)).toHaveLength(2);
  expect(server.tlsFailures).toEqual([]);
});

test("T64 one that leaves within its handshake is waited for no longer, and has not taken too long", async () => {
  const { cert, key } = await (await Authority.create()).issue("api");
  using server = await serve(undefined, tlsContext({ cert, key }), LONG);
  jest.useFakeTimers();
  const timers = async (count: number) => {
    for (let turn = 0; jest.getTimerCount() !== count && turn < 10_000; turn++) {
      await new Promise(setImmediate);
    }
    return jest.getTimerCount();
  };
  const socket = open(server.port).on("error", () => undefined);
  expect(await timers(1)).toBe(1);
  socket.destroy();
  expect(await timers(0)).toBe(0);
  expect(server.tlsFailures).not.toContain("handshake timed out");
});

/** The first bytes of a TLS client. */
async function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const server = createServer((socket) => socket.once("data", resolve)).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const { port } = server.address() as { port: number };
  const client = connectTls({ port, host: "127.0.0.1" }).on("error", () => undefined);
  const hello = await promise;
  client.destroy();
  server.close();
  return hello;
}

test("many handshakes at once have each their turn, also where the turns of the event loop are long", async () => {
  const { cert, key } = await (await Authority.create()).issue("api");
  const hello = await clientHello();
  using server = await serve(
    undefined,
    tlsContext({ cert, key }),
    { ...LONG, handshakeMs: 50 },
    100,
  );
  let isBusy = true;
  const keepBusy = () => {
    Bun.sleepSync(10);
    if (isBusy) setImmediate(keepBusy);
  };
  const answers = Array.from({ length: 60 }, async () => {
    const socket = open(server.port).on("error", () => undefined);
    socket.write(hello);
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.once("data", () => resolve("answered")).once("close", () => resolve("closed"));
    const outcome = await promise;
    socket.destroy();
    return outcome;
  });
  keepBusy();
  const outcomes = await Promise.all(answers);
  isBusy = false;
  expect(outcomes.filter((outcome) => outcome === "closed")).toEqual([]);
});

test.each(UNREADABLE)(
  "T64 %s, behind a request that is worked on: after its answer",
  async (_, bytes) => {
    using server = await serve((request, response) => {
      request.resume();
      if (request.url === "/slow") setTimeout(() => response.end("slow"), SHORT.idleMs * 3);
    });
    const socket = open(server.port);
    socket.write(`GET /slow HTTP/1.1\r\nHost: x\r\n\r\n${bytes}`);
    const text = await received(socket);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nslow/);
    expect(text).toEndWith(refusalText(400));
  },
);

test("T64 a body that never ends, behind a request that is worked on, has its deadline", async () => {
  using server = await serve((request, response) => {
    request.resume();
    if (request.url === "/slow") setTimeout(() => response.end("slow"), SHORT.idleMs * 3);
    else request.once("end", () => response.end("never"));
  });
  const socket = open(server.port);
  const body = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello";
  socket.write(`GET /slow HTTP/1.1\r\nHost: x\r\n\r\n${body}`);
  const text = await received(socket);
  expect(text).toContain("\r\n\r\nslow");
  expect(text).toEndWith(refusalText(408));
});

test.each([
  ["nothing after it", ""],
  ["a body that stops", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhello"],
  ["half a head", "GET / HTTP/1.1\r\nHos"],
  ["an expectation nobody knows", "POST / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n"],
  [
    "a body that it does not send",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
  ],
  ["an upgrade", "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"],
])("T64 a connection that was answered once and stays open with %s is closed", async (_, bytes) => {
  using server = await serve((request, response) => {
    // Early, as a request is refused.
    request.resume();
    response.end("answered");
  });
  const socket = open(server.port);
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${bytes}`);
  expect(await received(socket)).toContain("answered");
});

const MIB = 1024 * 1024;

test.each([
  ["refused with its head", `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${8 * MIB}\r\n\r\n`],
  ["that cannot be read", "POST /\0 HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["whose head is endless", "GET / HTTP/1.1\r\nX: "],
  ["that wants to be tunnelled", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"],
])("T64 a request %s: the refusal arrives however much was sent meanwhile", async (_, head) => {
  using server = await serve(
    (_request, response) => {
      response.writeHead(413, { Connection: "close", "Content-Length": 8 });
      response.end("too long");
    },
    undefined,
    LONG,
  );
  for (let turn = 0; turn < 20; turn++) {
    const { text } = await writeThenRead(open(server.port), head, 8 * MIB);
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
  }
});

test("T64 a refused client that sends on for ever is closed all the same", async () => {
  using server = await serve((_request, response) => {
    response.writeHead(413, { Connection: "close", "Content-Length": 8 });
    response.end("too long");
  });
  const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${1024 * MIB}\r\n\r\n`;
  const { sent } = await writeThenRead(open(server.port), head, 1024 * MIB);
  expect(sent).toBeLessThan(256 * MIB);
});

/** What it hears, as it comes. */
function listening(socket: Socket) {
  const heard = { text: "", closed: false };
  socket.on("data", (chunk) => {
    heard.text += chunk;
  });
  socket.on("error", () => undefined);
  socket.once("close", () => {
    heard.closed = true;
  });
  return heard;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

test("T19 a connection on which an answer is under way stays, one that was answered makes room", async () => {
  const later: ServerResponse[] = [];
  using server = await serve(
    (request, response) => {
      request.resume();
      if (request.url === "/later") later.push(response);
      else response.end("answered");
    },
    undefined,
    LONG,
  );
  const from = (localAddress: string, text: string) => {
    const socket = connect({ host: "127.0.0.1", port: server.port, localAddress });
    socket.write(text);
    return { socket, heard: listening(socket) };
  };
  // The first of two requests is answered, on all but the last.
  const busy = Array.from({ length: ADMITTED - 1 }, () =>
    from("127.0.0.2", get("/now") + get("/later")),
  );
  const idle = from("127.0.0.2", get("/now"));
  const all = [...busy, idle];
  await until("they are answered", () => all.every(({ heard }) => heard.text.includes("answered")));
  await until("the others are asked", () => later.length === busy.length);
  const other = from("127.0.0.3", get("/now"));
  await until("another's is answered", () => other.heard.text.includes("answered"));
  await until("the idle one has gone", () => idle.heard.closed);
  for (const response of later) response.end("at last");
  await until("all are answered", () => busy.every(({ heard }) => heard.text.includes("at last")));
  for (const { socket } of [...all, other]) socket.destroy();
});

test("an answer that takes long does not go with the deadline of the one before it", async () => {
  using server = await serve((request, response) => {
    request.resume();
    if (request.url === "/slow") setTimeout(() => response.end("slow"), SHORT.idleMs * 2);
    else response.end("fast");
  });
  const socket = open(server.port);
  socket.write(get("/fast") + get("/slow"));
  const text = await received(socket);
  expect(text).toContain("fast");
  expect(text).toContain("slow");
});

test("T19 a large answer has its time to be read, by its length", async () => {
  const answer = "x".repeat(8 * MIB);
  using server = await serve((_, response) => void response.end(answer));
  const socket = open(server.port);
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await Bun.sleep(SHORT.idleMs * 2);
  const text = received(socket);
  socket.resume();
  expect((await text).length).toBeGreaterThan(answer.length);
});

test("a client that was answered for the last time may take longer than one that owes a request", async () => {
  const closed = Promise.withResolvers<void>();
  let isClosed = false;
  using server = await serve((request, response) => {
    request.resume();
    request.socket.once("close", () => {
      isClosed = true;
      closed.resolve();
    });
    response.writeHead(200, { Connection: "close", "Content-Length": 4 });
    response.end("last");
  });
  const socket = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
  const heard = listening(socket);
  socket.write(get("/"));
  await until("it is answered", () => heard.text.endsWith("last"));
  await Bun.sleep(SHORT.idleMs * 3);
  expect(isClosed).toBe(false);
  socket.end();
  await closed.promise;
});

test("T19 one that was answered early, and has sent the rest since, has its deadline too", async () => {
  using server = await serve((request, response) => {
    request.resume();
    response.end("early");
  });
  const socket = open(server.port);
  const heard = listening(socket);
  socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{");
  await until("it is answered", () => heard.text.includes("early"));
  socket.write("}");
  await until("it is closed", () => heard.closed);
  expect(heard.text).not.toContain("408");
});

test("T64 a request that was answered early has no second answer, whatever comes of its rest", async () => {
  using server = await serve((request, response) => {
    request.resume();
    response.end("early");
  });
  const socket = open(server.port);
  const heard = listening(socket);
  socket.write(`${CHUNKED}5\r\nhello\r\n`);
  await until("it is answered", () => heard.text.includes("early"));
  socket.write("zz\r\n");
  await until("it is closed", () => heard.closed);
  expect(heard.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  expect(server.refused).toEqual([]);
});

test("who waits for a request hears that its rest will never come; of one that is whole it does not", async () => {
  const asked: { readonly url: string; readonly broken: AbortSignal; readonly socket: Socket }[] =
    [];
  using server = await serve((request, _response, _peer, broken) => {
    request.resume();
    asked.push({ url: request.url ?? "", broken, socket: request.socket });
  });
  for (const length of [2, 1]) {
    const socket = open(server.port);
    listening(socket);
    socket.write(`POST /${length} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n{`);
    await until(
      "it has come",
      () => asked.length === 3 - length && asked.at(-1)?.socket.bytesRead !== 0,
    );
    const gone = new Promise((resolve) => asked.at(-1)?.socket.once("close", resolve));
    await new Promise(setImmediate);
    socket.destroy();
    await gone;
  }
  expect(asked.map(({ url, broken }) => [url, broken.aborted])).toEqual([
    ["/2", true],
    ["/1", false],
  ]);
});

test("T64 behind what cannot be read nothing more is read while an answer is under way", async () => {
  const slow = Promise.withResolvers<{ socket: Socket; response: ServerResponse }>();
  using server = await serve(
    (request, response) => {
      request.resume();
      slow.resolve({ socket: request.socket, response });
    },
    undefined,
    LONG,
  );
  const socket = open(server.port);
  const heard = listening(socket);
  socket.write(`${get("/slow")}no HTTP\r\n\r\n`);
  const { socket: accepted, response } = await slow.promise;
  await until("it is found", () => accepted.isPaused());
  socket.write("x".repeat(8 * MIB));
  await Bun.sleep(50);
  expect(accepted.bytesRead).toBeLessThan(4 * MIB);
  response.end("slow");
  await until("it is refused", () => heard.text.endsWith(refusalText(400)));
  socket.destroy();
});
