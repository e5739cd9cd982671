import { beforeAll, describe, expect, spyOn, test } from "bun:test";
import { LAST_CHUNK } from "../../../../src/core/wire/chunks.ts";
import { FRAMES_TYPE } from "../../../../src/core/wire/frames.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { type HttpRequest, requestOver } from "../../../../src/system/net/http-client.ts";
import { HttpStream } from "../../../../src/system/net/http-stream.ts";
import { ReadPace } from "../../../../src/system/net/read-pace.ts";
import { Authority } from "../../../support/authority.ts";
import { chunkOf } from "../../../support/chunks.ts";
import { type ConnectionPair, connectionPair } from "../../../support/connection-pair.ts";
import { forgetCollections } from "../../../support/forget-collections.ts";

let ca: Authority;
beforeAll(async () => {
  ca = await Authority.create();
});

const REQUEST: HttpRequest = {
  method: "POST",
  path: "/run",
  host: "web-01:7443",
  body: "{}",
  maxBytes: 1000,
  keepAlive: true,
};

const HEAD = [
  "HTTP/1.1 200 OK",
  `Content-Type: ${FRAMES_TYPE}`,
  "Transfer-Encoding: chunked",
  "Connection: keep-alive",
  "Keep-Alive: timeout=5",
  "",
  "",
].join("\r\n");

const chunk = (text: string) => chunkOf([Buffer.from(text)]);

/** Resolves with the request's first bytes. */
async function asked(connection: Connection): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  connection.read({ data: () => resolve(), end: () => undefined, closed: () => undefined });
  await promise;
}

/** One request over the pair, and what was taken of its stream. */
function request({ client }: ConnectionPair, wanted: Partial<HttpRequest> = {}) {
  const taken: string[] = [];
  const take = async (stream: HttpStream) => {
    for (;;) {
      const content = await stream.next();
      if (content === undefined) return;
      taken.push(content.toString());
    }
  };
  const reply = requestOver(client, { ...REQUEST, onStream: take, ...wanted });
  return { taken, reply: reply.catch((thrown: unknown) => thrown) };
}

describe("a stream that was asked for", () => {
  test.each([1, 7, 10_000])("is taken whole, in pieces of %d bytes", async (size) => {
    using pair = await connectionPair(ca);
    const { taken, reply } = request(pair);
    await asked(pair.server);
    const body = Buffer.concat([Buffer.from(HEAD), chunk("one"), chunk("two"), LAST_CHUNK]);
    for (let at = 0; at < body.length; at += size) {
      await pair.server.write(body.subarray(at, at + size));
    }
    expect(await reply).toMatchObject({ status: 200, streamed: true, keepMs: 4000 });
    expect(taken.join("")).toBe("onetwo");
    expect(pair.client.closed).toBe(false);
  });

  test("leaves the connection to the next request", async () => {
    using pair = await connectionPair(ca);
    for (const words of ["first", "second"]) {
      const { taken, reply } = request(pair);
      await asked(pair.server);
      await pair.server.write(Buffer.concat([Buffer.from(HEAD), chunk(words), LAST_CHUNK]));
      expect(await reply).toMatchObject({ streamed: true });
      expect(taken).toEqual([words]);
    }
  });

  test("does not leave it if more comes than the stream", async () => {
    using pair = await connectionPair(ca);
    const { reply } = request(pair, { onStream: async (stream) => void (await stream.next()) });
    await asked(pair.server);
    const more = Buffer.from("HTTP/1.1 200 OK\r\n");
    await pair.server.write(Buffer.concat([Buffer.from(HEAD), chunk("x"), LAST_CHUNK, more]));
    expect(await reply).toMatchObject({ streamed: true, keepMs: 0 });
    expect(pair.client.closed).toBe(true);
  });

  test("and JSON came instead: that is the answer", async () => {
    using pair = await connectionPair(ca);
    const { taken, reply } = request(pair);
    await asked(pair.server);
    await pair.server.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a":1}\n');
    expect(await reply).toMatchObject({ status: 200, json: { a: 1 } });
    expect(taken).toEqual([]);
  });

  test("and breaks: what has come is taken, then it is a failed connection", async () => {
    using pair = await connectionPair(ca);
    const { taken, reply } = request(pair);
    await asked(pair.server);
    await pair.server.write(
      Buffer.concat([Buffer.from(HEAD), chunk("one"), Buffer.from("5\r\nha")]),
    );
    await pair.server.end();
    expect(await reply).toBeInstanceOf(ConnectionFailed);
    expect(taken.join("")).toBe("oneha");
    expect(pair.client.closed).toBe(true);
  });
});

describe("T61 chunks that are none of a stream that was asked for", () => {
  test.each([
    ["unasked", HEAD, { onStream: undefined }],
    ["of another type", HEAD.replace(FRAMES_TYPE, "application/json"), {}],
    ["of no type", HEAD.replace(/Content-Type.*\r\n/, ""), {}],
    ["with a length", HEAD.replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n"), {}],
    ["coded twice", HEAD.replace("chunked", "gzip, chunked"), {}],
    ["said twice", HEAD.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"), {}],
    ["of HTTP/1.0", HEAD.replace("HTTP/1.1", "HTTP/1.0"), {}],
    ["with a refusal", HEAD.replace("200 OK", "404 Not Found"), {}],
    ["that are not sound", `${HEAD}x`, {}],
  ])("%s: refused, and the connection is gone", async (_, head, wanted) => {
    using pair = await connectionPair(ca);
    const { reply } = request(pair, wanted);
    await asked(pair.server);
    await pair.server.write(`${head}5\r\nhello\r\n`);
    expect(await reply).toMatchObject({ code: "protocol" });
    expect(pair.client.closed).toBe(true);
  });
});

describe("T72 the connection that a stream comes from", () => {
  class Peer {
    closed = false;
    readonly calls: string[] = [];
    pause = () => void this.calls.push("pause");
    resume = () => void this.calls.push("resume");
  }

  const ROOM = 65_536;

  function streamOver(peer: Peer, pace?: ReadPace): HttpStream {
    return new HttpStream(peer as unknown as Connection, Buffer.alloc(0), pace);
  }

  test("is read as long as there is room, waits once there is none, and goes on when all is taken", async () => {
    const peer = new Peer();
    const stream = streamOver(peer);
    const content = "x".repeat(ROOM - "fff8\r\n\r\n".length);
    const piece = chunk(content);
    expect(piece).toHaveLength(ROOM);
    stream.data(piece.subarray(0, -1));
    expect(peer.calls).toEqual([]);
    stream.data(piece.subarray(-1));
    expect(peer.calls).toEqual(["pause"]);
    stream.data(chunk("more"));
    expect(peer.calls).toEqual(["pause"]);
    expect(String(await stream.next())).toBe(content);
    expect(String(await stream.next())).toBe("more");
    expect(peer.calls).toEqual(["pause"]);
    const last = stream.next();
    expect(peer.calls).toEqual(["pause", "resume"]);
    // All the room is there again.
    stream.data(piece.subarray(0, -1));
    expect(peer.calls).toHaveLength(2);
    expect(String(await last)).toBe(content);
  });

  test("takes its turn again when it goes on, and is left alone when it is closed", async () => {
    const [peer, closed] = [new Peer(), new Peer()];
    const pace = new ReadPace();
    for (const one of [peer, closed]) {
      pace.enter(one as unknown as Connection);
      const stream = streamOver(one, pace);
      stream.data(chunk("x".repeat(ROOM)));
      closed.closed = true;
      stream.finish();
    }
    expect([peer.calls, closed.calls]).toEqual([["pause", "resume"], ["pause"]]);
    // All that was read counts, and whoever reads again waits for its turn.
    pace.took(2 ** 20 - 2 * chunk("x".repeat(ROOM)).length);
    expect(peer.calls).toEqual(["pause", "resume", "pause"]);
  });
});

describe.each([
  ["alone", undefined],
  ["among others that are read in turns", new ReadPace()],
])("T72 a stream that is taken slowly, %s", (_, pace) => {
  test("is read no faster, and whole in the end", async () => {
    using pair = await connectionPair(ca);
    const mayGoOn = Promise.withResolvers<void>();
    let bytes = 0;
    const { reply } = request(pair, {
      ...(pace === undefined ? {} : { pace }),
      onStream: async (stream) => {
        for (let content = await stream.next(); content; content = await stream.next()) {
          bytes += content.length;
          await mayGoOn.promise;
        }
      },
    });
    await asked(pair.server);
    await pair.server.write(HEAD);
    const piece = chunkOf([Buffer.alloc(65_536)]);
    let sent = 0;
    const sending = (async () => {
      for (; sent < 1000; sent += 1) await pair.server.write(piece);
      await pair.server.write(LAST_CHUNK);
    })();
    let before = -1;
    while (before !== sent) {
      before = sent;
      for (let turn = 0; turn < 20; turn += 1) {
        pace?.took(2 ** 20);
        await Bun.sleep(5);
      }
    }
    // What the system takes on both ends, some 6 MiB, and one read of it.
    expect(sent).toBeLessThan(250);
    mayGoOn.resolve();
    await sending;
    expect(await reply).toMatchObject({ streamed: true, keepMs: 4000 });
    expect(bytes).toBe(1000 * 65_536);
  });
});

test("T72 what a long stream leaves behind is collected", async () => {
  using pair = await connectionPair(ca);
  const stream = new HttpStream(pair.client, Buffer.alloc(0), undefined);
  const piece = chunkOf([Buffer.alloc(2 ** 20)]);
  forgetCollections();
  const collect = spyOn(Bun, "gc").mockImplementation(() => undefined);
  try {
    for (let count = 0; count < 17; count++) {
      stream.data(piece);
      await stream.next();
    }
    expect(collect).toHaveBeenCalledTimes(1);
  } finally {
    collect.mockRestore();
  }
});
