import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import type { Server } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { CtrlExecError, messageOf } from "../../../../src/core/errors.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { type HttpRequest, requestOver } from "../../../../src/system/net/http-client.ts";
import { ReadPace } from "../../../../src/system/net/read-pace.ts";
import { connectTcp } from "../../../../src/system/net/tcp.ts";
import { Authority, type HostCredential } from "../../../support/authority.ts";

let host: HostCredential;
const servers: Server[] = [];
beforeAll(async () => {
  host = await (await Authority.create()).issue("web-01");
});
afterAll(() => {
  for (const server of servers) server.close();
});

const REQUEST: HttpRequest = {
  method: "POST",
  path: "/run",
  host: "web-01:7443",
  body: '{"script":"s"}',
  maxBytes: 1000,
  keepAlive: false,
};

type Answer = (socket: TLSSocket, heard: string) => void;

/** What one request gets from a server that answers by hand, and what the server heard. */
async function ask(answer: Answer, wanted = REQUEST) {
  let heard = "";
  const connection = await connectionTo((socket, text) => {
    heard = text;
    answer(socket, text);
  });
  const reply = await requestOver(connection, wanted).catch((thrown: unknown) => thrown);
  return { reply, heard, connection };
}

/** To a server that answers the first whole request. */
async function connectionTo(answer: Answer): Promise<Connection> {
  let heard = "";
  const server = createServer(host, (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString("latin1");
      const [head = "", body] = heard.split("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (body !== undefined && body.length >= length) answer(socket, heard);
    });
  });
  servers.push(server);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const connection = await connectTcp("127.0.0.1", port, 10_000);
  await connection.secureAsClient(host, 10_000);
  return connection;
}

const BODY = '{"ok":1}';

describe("the request", () => {
  test("is one that 0.8 reads: a Content-Length, no chunks, for this request alone", async () => {
    const { heard } = await ask((socket) =>
      socket.end(`HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n`),
    );
    const [head = "", body] = heard.split("\r\n\r\n");
    const [line, ...headers] = head.split("\r\n");
    expect(line).toBe("POST /run HTTP/1.1");
    expect(headers.map((header) => header.toLowerCase()).sort()).toEqual([
      "connection: close",
      "content-length: 14",
      "content-type: application/json",
      "host: web-01:7443",
    ]);
    expect(body).toBe('{"script":"s"}');
  });

  test("counts bytes, not characters", async () => {
    const { heard } = await ask(
      (socket) => socket.end("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
      {
        ...REQUEST,
        body: '{"a":"é"}',
      },
    );
    expect(heard.toLowerCase()).toContain("content-length: 10\r\n");
  });

  test("without a body has none", async () => {
    const { heard } = await ask(
      (socket) => socket.end("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
      {
        ...REQUEST,
        method: "GET",
        path: "/capabilities",
        body: undefined,
      },
    );
    expect(heard).toStartWith("GET /capabilities HTTP/1.1\r\n");
    expect(heard.toLowerCase()).not.toContain("content-length");
    expect(heard).toEndWith("\r\n\r\n");
  });
});

describe("the answer", () => {
  test.each([
    ["of 0.8", `HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n${BODY}`],
    ["without a length, ended by the close", `HTTP/1.0 200 OK\r\n\r\n${BODY}`],
  ])("%s", async (_, answer) => {
    const { reply } = await ask((socket) => socket.end(answer));
    expect(reply).toEqual({ status: 200, json: { ok: 1 }, keepMs: 0 });
  });

  test("a refusal is an answer", async () => {
    const { reply } = await ask((socket) =>
      socket.end("HTTP/1.0 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"),
    );
    expect(reply).toEqual({ status: 403, json: {}, keepMs: 0 });
  });

  test("a redirect is not followed", async () => {
    const { reply, heard } = await ask((socket) =>
      socket.end(
        "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
      ),
    );
    expect(reply).toMatchObject({ status: 302 });
    expect(heard.match(/POST/g)).toHaveLength(1);
  });

  test("in one byte at a time", async () => {
    const { reply } = await ask((socket) => {
      const bytes = `HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n${BODY}`;
      for (const byte of bytes) socket.write(byte);
      socket.end();
    });
    expect(reply).toMatchObject({ status: 200, json: { ok: 1 } });
  });

  test("is read whole whatever pieces it comes in, characters cut in two as well", async () => {
    const text = JSON.stringify({ stdout: "é€😀\n".repeat(50) });
    const bytes = Buffer.from(text, "utf8");
    const { reply } = await ask(async (socket) => {
      socket.write(`HTTP/1.0 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`);
      for (let at = 0; at < bytes.length; at += 7) socket.write(bytes.subarray(at, at + 7));
    });
    expect(reply).toMatchObject({ status: 200, json: JSON.parse(text) });
  });

  test("a connection with more on it than the answer is not used again", async () => {
    const { reply } = await ask(
      (peer) =>
        peer.write(
          `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 8\r\n\r\n${BODY}HTTP/1.1 200 OK`,
        ),
      { ...REQUEST, keepAlive: true },
    );
    expect(reply).toMatchObject({ json: { ok: 1 }, keepMs: 0 });
  });

  test("just as long as it may be", async () => {
    const { reply } = await ask((socket) =>
      socket.end(`HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\n${"x".repeat(1000)}`),
    );
    expect(reply).toMatchObject({ status: 200 });
  });
});

describe("T29 a hostile agent", () => {
  /** Writes for as long as anybody listens. */
  function forever(socket: TLSSocket, head: string, piece: string): void {
    socket.write(head);
    const more = () => {
      while (!socket.destroyed && socket.write(piece));
      if (!socket.destroyed) socket.once("drain", more);
    };
    more();
  }

  test.each([
    [
      "a body without an end",
      (socket: TLSSocket) => forever(socket, "HTTP/1.0 200 OK\r\n\r\n", "x".repeat(65_536)),
    ],
    [
      "a body longer than it may be",
      (socket: TLSSocket) =>
        forever(
          socket,
          "HTTP/1.0 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
          "x".repeat(65_536),
        ),
    ],
    [
      // No agent sends them: 0.8 frames by hand, and this one announces every length.
      "chunks",
      (socket: TLSSocket) =>
        socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ],
    [
      "an interim answer",
      (socket: TLSSocket) => socket.end("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
    ],
    [
      "headers without an end",
      (socket: TLSSocket) => forever(socket, "HTTP/1.1 200 OK\r\n", `X-A: ${"a".repeat(1000)}\r\n`),
    ],
    [
      "one header without an end",
      (socket: TLSSocket) => forever(socket, "HTTP/1.1 200 OK\r\nX-A: ", "a".repeat(65_536)),
    ],
    ["no HTTP", (socket: TLSSocket) => socket.end("SSH-2.0-x\r\n\r\n")],
    [
      "two lengths",
      (socket: TLSSocket) =>
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    ],
  ] as const)("%s: refused, and the connection is gone", async (_, answer) => {
    const { reply, connection } = await ask(answer);
    expect(reply).toBeInstanceOf(CtrlExecError);
    expect(["protocol", "too-large"]).toContain((reply as CtrlExecError).code);
    expect(connection.closed).toBe(true);
  });

  test.each([
    ["closes without an answer", (socket: TLSSocket) => socket.destroy()],
    ["closes within the head", (socket: TLSSocket) => socket.end("HTTP/1.1 200 OK\r\nContent-Le")],
    [
      "closes within the body",
      (socket: TLSSocket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
    ],
  ] as const)("%s: a failed connection, never half an answer", async (_, answer) => {
    const { reply } = await ask(answer);
    expect(reply).toBeInstanceOf(ConnectionFailed);
  });
});

describe("the connection", () => {
  const answerWith = (version: string, ...headers: string[]) =>
    `HTTP/${version} 200 OK\r\n${headers.map((line) => `${line}\r\n`).join("")}Content-Length: 8\r\n\r\n${BODY}`;
  const KEEP = "Connection: keep-alive";

  test.each([
    [
      "for as long as the peer says, less a second",
      answerWith("1.1", KEEP, "Keep-Alive: timeout=5"),
      4000,
    ],
    ["not when the peer says nothing of it", answerWith("1.1"), 0],
    [
      "not when the peer closes it",
      answerWith("1.1", "Connection: close", "Keep-Alive: timeout=5"),
      0,
    ],
    ["not when the peer is 0.8", answerWith("1.0", "Keep-Alive: timeout=5"), 0],
    [
      "not when the peer keeps it for a moment only",
      answerWith("1.1", KEEP, "Keep-Alive: timeout=1"),
      0,
    ],
  ])("can be used again %s", async (_, answer, keepMs) => {
    const { reply, connection } = await ask((peer) => peer.write(answer), {
      ...REQUEST,
      keepAlive: true,
    });
    expect(reply).toEqual({ status: 200, json: { ok: 1 }, keepMs });
    expect(connection.closed).toBe(keepMs === 0);
    connection.close();
  });

  test("that is closed here, at a deadline, ends no answer", async () => {
    const connection = await connectionTo((peer) => peer.write(`HTTP/1.0 200 OK\r\n\r\n${BODY}`));
    const asked = requestOver(connection, {
      ...REQUEST,
      onHeld: () => setImmediate(() => connection.close()),
    });
    expect(await asked.catch(messageOf)).toBe("ECONNRESET");
  });

  test("that is closed already is an error, not a wait for ever", async () => {
    const { connection } = await ask((peer) => peer.end(answerWith("1.1")));
    expect(connection.closed).toBe(true);
    expect(requestOver(connection, REQUEST)).rejects.toThrow("ECONNRESET");
  });

  test.each([
    ["says anything unasked", (peer: TLSSocket) => void peer.write("x")],
    ["ends", (peer: TLSSocket) => void peer.end()],
  ])("that is kept is closed as soon as its peer %s", async (_, act) => {
    let peer: TLSSocket | undefined;
    const { reply, connection } = await ask(
      (socket) => {
        peer = socket;
        socket.write(answerWith("1.1", KEEP, "Keep-Alive: timeout=5"));
      },
      { ...REQUEST, keepAlive: true },
    );
    expect(reply).toMatchObject({ keepMs: 4000 });
    expect(connection.closed).toBe(false);
    const closed = new Promise<void>((resolve) => connection.onClose(() => resolve()));
    if (peer !== undefined) act(peer);
    await closed;
  });

  test("is under the pace while its answer is read, and no longer", async () => {
    const pace = new ReadPace();
    const calls = (["enter", "took", "leave"] as const).map((name) => spyOn(pace, name));
    const answer = answerWith("1.1");
    const { connection } = await ask((peer) => peer.write(answer), { ...REQUEST, pace });
    const [enter, took, leave] = calls.map((spy) => spy.mock.calls.flat());
    expect([enter, leave]).toEqual([[connection], [connection]]);
    expect(took?.reduce<number>((sum, bytes) => sum + Number(bytes), 0)).toBe(answer.length);
  });
});

describe("who asks", () => {
  const DATE = "Sun, 29 Nov 2026 12:00:00 GMT";
  const HEAD = `HTTP/1.1 200 OK\r\nDate: ${DATE}\r\nContent-Length: 8\r\n\r\n`;

  test("is told after each piece how much is held, and when the answer began to arrive", async () => {
    const held: (number | undefined)[][] = [];
    let later = 0;
    let goOn: () => void = () => undefined;
    const onHeld = (bytes: number, status: number | undefined) => {
      held.push([bytes, status]);
      later ||= performance.now();
      goOn();
    };
    const { reply } = await ask(
      (peer) => {
        goOn = () => void peer.write(BODY);
        peer.write(HEAD);
      },
      { ...REQUEST, onHeld },
    );
    expect(held.map(([, status]) => status)).toEqual([200, 200]);
    const heard = { date: new Date(DATE), at: expect.any(Number) };
    expect(reply).toEqual({ status: 200, json: { ok: 1 }, keepMs: 0, heard });
    expect((reply as { heard: { at: number } }).heard.at).toBeLessThanOrEqual(later);
  });

  test("ends the request with what it throws at that", async () => {
    const onHeld = () => {
      throw new Error("too much");
    };
    const { reply, connection } = await ask((peer) => peer.write(HEAD), { ...REQUEST, onHeld });
    expect(messageOf(reply)).toBe("too much");
    expect(connection.closed).toBe(true);
  });
});
