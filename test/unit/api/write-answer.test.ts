/** The bytes of an answer, also to what was no request. */
import { describe, expect, test } from "bun:test";
import { IncomingMessage, ServerResponse } from "node:http";
import { connect, Socket } from "node:net";
import { drained, rawAnswer, writeAnswer } from "../../../src/api/write-answer.ts";
import type { LongText } from "../../../src/core/wire/json-pieces.ts";
import { startHttpServer } from "../../../src/system/net/http-server.ts";
import { until } from "../../support/folder.ts";

const REQUEST_ID = "0123456789abcdef";

function read(answer: string) {
  const [head = "", body = ""] = answer.split("\r\n\r\n", 2);
  const [first, ...lines] = head.split("\r\n");
  const headers = new Headers(lines.map((line) => line.split(": ", 2) as [string, string]));
  return { first, headers, body };
}

test.each([
  [400, "Bad Request", "bad request"],
  [405, "Method Not Allowed", "method not allowed"],
  [408, "Request Timeout", "request timeout"],
  [431, "Request Header Fields Too Large", "request header fields too large"],
  [503, "Service Unavailable", "busy"],
] as const)("%d is one whole answer, which ends the connection", (status, phrase, error) => {
  const { first, headers, body } = read(rawAnswer(status, REQUEST_ID));
  expect(first).toBe(`HTTP/1.1 ${status} ${phrase}`);
  expect(JSON.parse(body)).toMatchObject({ ok: false, error });
  expect(headers.get("connection")).toBe("close");
  expect(headers.get("content-type")).toBe("application/json");
  expect(headers.get("content-length")).toBe(String(Buffer.byteLength(body)));
  expect(headers.get("x-request-id")).toBe(REQUEST_ID);
});

test("405 names the methods that are allowed, as RFC 9110 section 15.5.6 wants; no other does", () => {
  const allow = (status: 400 | 405 | 503) =>
    read(rawAnswer(status, REQUEST_ID)).headers.get("allow");
  expect([allow(400), allow(405), allow(503)]).toEqual([null, "GET, HEAD, POST", null]);
});

test("503 says when to come again; no other does", () => {
  const again = (status: 400 | 405 | 503) =>
    read(rawAnswer(status, REQUEST_ID)).headers.get("retry-after");
  expect([again(400), again(405), again(503)]).toEqual([null, null, "1"]);
});

describe("an answer that is longer than a piece", () => {
  const LONG = "é".repeat(200_000);
  const text = (length: number): LongText => ({
    parts: () => Array.from({ length }, () => "x".repeat(65_536)),
  });

  test.each([
    ["of one text", { ok: true, stdout: LONG }],
    ["of a short and a long one", { results: [{ stdout: "short" }, { stdout: LONG }] }],
  ])("%s comes whole, with its length", async (_, body) => {
    using server = await answering(body);
    const { head, body: bytes } = await server.ask("GET");
    expect(JSON.parse(bytes)).toEqual(body);
    expect(head).toContain(`\r\nContent-Length: ${Buffer.byteLength(JSON.stringify(body))}\r\n`);
  });

  test("has a head alone where only that is asked for, with the same length", async () => {
    using server = await answering({ stdout: LONG });
    const { head, body } = await server.ask("HEAD");
    const length = Buffer.byteLength(JSON.stringify({ stdout: LONG }));
    expect(head).toContain(`\r\nContent-Length: ${length}\r\n`);
    expect(body).toBe("");
  });

  test("T69 is made twice from what it is made of", async () => {
    let asked = 0;
    const stdout: LongText = {
      parts() {
        asked += 1;
        return [LONG];
      },
    };
    using server = await answering({ stdout });
    expect(JSON.parse((await server.ask("GET")).body)).toEqual({ stdout: LONG });
    expect(asked).toBe(2);
  });

  test("T69 is made while it is read: a client that leaves ends it", async () => {
    let made = 0;
    const stdout: LongText = {
      *parts() {
        for (let n = 0; n < 200; n++) {
          made += 1;
          yield "x".repeat(65_536);
        }
      },
    };
    using server = await answering({ stdout });
    const socket = server.open("GET");
    await until("it has begun", () => made > 205);
    socket.destroy();
    await until("it has ended", () => server.ended === 1);
    expect(made).toBeLessThan(400);
  });

  test("T69 others have their turn between two of its pieces", async () => {
    using server = await answering({ stdout: text(50) });
    let turns = 0;
    const count = () => {
      turns += 1;
      if (server.ended === 0) setImmediate(count);
    };
    setImmediate(count);
    await server.ask("GET");
    expect(turns).toBeGreaterThan(50);
  });
});

test("who has waited for a reader hears no more of its connection", async () => {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  for (const event of ["drain", "close"]) {
    const before = response.listenerCount("close");
    const waiting = drained(response);
    response.emit(event);
    await waiting;
    expect(response.listenerCount("close")).toBe(before);
  }
});

describe("a short answer", () => {
  test("to HEAD has the length of what it leaves out", async () => {
    using server = await answering({ ok: true });
    const { head, body } = await server.ask("HEAD");
    expect(head).toContain("\r\nContent-Length: 11\r\n");
    expect(body).toBe("");
  });

  test("T74 has nothing raw that a terminal obeys", async () => {
    using server = await answering({ text: "\u009b2J" });
    expect((await server.ask("GET")).body).toBe('{"text":"\\u009b2J"}');
  });

  test("keeps the connection if the request has wholly come, and ends it if not", async () => {
    using server = await answering({ ok: true });
    expect((await server.ask("GET")).head).toContain("\r\nConnection: keep-alive");
    const early = await server.ask("POST", "Content-Length: 5\r\n");
    expect(early.head).toContain("\r\nConnection: close\r\n");
  });

  test("is written once", async () => {
    using server = await answering({ ok: true }, 2);
    expect((await server.ask("GET")).body).toBe('{"ok":true}');
  });
});

/** A server that answers each request so, perhaps more than once: when it has come, or before its body has. */
async function answering(body: unknown, times = 1) {
  const state = { ended: 0 };
  const server = await startHttpServer({
    bind: "127.0.0.1",
    port: 0,
    secureContext: () => undefined,
    onRequest(request, response) {
      const answer = async () => {
        await writeAnswer(request, response, REQUEST_ID, { status: 200, body });
        state.ended += 1;
      };
      const all = () => void Promise.all(Array.from({ length: times }, answer));
      if (request.headers["content-length"] !== undefined) all();
      else request.once("end", all).resume();
    },
    refuse: () => "",
    connections: 16,
    onTlsFailure: () => undefined,
  });
  const sockets: Socket[] = [];
  const open = (method: string, headers = "") => {
    const socket = connect({ port: server.port, host: "127.0.0.1" });
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.write(`${method} / HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
    return socket;
  };
  const ask = async (method: string, headers = "") => {
    let got = "";
    open(method, headers).on("data", (chunk) => {
      got += chunk.toString("latin1");
    });
    const read = () => {
      const [head = "", ...rest] = Buffer.from(got, "latin1").toString().split("\r\n\r\n");
      const body = rest.join("\r\n\r\n");
      const length = method === "HEAD" ? 0 : Number(/Content-Length: (\d+)/.exec(head)?.[1]);
      return { head, body, whole: rest.length > 0 && Buffer.byteLength(body) >= length };
    };
    await until("it is answered", () => state.ended >= times && read().whole);
    return read();
  };
  const dispose = () => {
    for (const socket of sockets) socket.destroy();
    server.stopAccepting();
    server.closeAll();
  };
  return {
    ask,
    open,
    get ended() {
      return state.ended;
    },
    [Symbol.dispose]: dispose,
  };
}
