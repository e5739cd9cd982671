import { expect, test } from "bun:test";
import { sendReply, streamHead } from "../../../../src/agent/http/replies.ts";
import { FRAMES_TYPE } from "../../../../src/core/wire/frames.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";

async function sentFor(status: number, last: boolean): Promise<string> {
  let sent = "";
  const connection = {
    write: async (text: string) => {
      sent += text;
    },
  };
  await sendReply(connection as unknown as Connection, { status, body: {} }, last, new Date(0));
  return sent;
}

test("a long answer is sent in pieces behind its exact length, until nobody takes them any more", async () => {
  const text = "é€😀 plain\n".repeat(20_000);
  const body = { text: { parts: () => [text.slice(0, 99_999), text.slice(99_999)] }, exit: 0 };
  const answer = async (closesAfter: number) => {
    const written: string[] = [];
    const lengths: number[] = [];
    const connection = {
      get closed() {
        return written.length >= closesAfter;
      },
      write: async (piece: string) => void written.push(piece),
    } as unknown as Connection;
    await sendReply(connection, { status: 200, body }, true, new Date(0), (bytes) =>
      lengths.push(bytes),
    );
    return { head: written[0] ?? "", json: written.slice(1).join(""), lengths };
  };
  const { head, json, lengths } = await answer(Number.POSITIVE_INFINITY);
  expect(JSON.parse(json)).toEqual({ text, exit: 0 });
  expect(lengths).toEqual([Buffer.byteLength(json)]);
  expect(head).toContain(`\r\nContent-Length: ${Buffer.byteLength(json)}\r\n`);
  const cut = await answer(2);
  expect(cut.json.length).toBeLessThan(json.length);
});

test("the length is known before anything is written", async () => {
  const order: string[] = [];
  const connection = { write: async () => void order.push("written") } as unknown as Connection;
  const reply = { status: 200, body: { a: "é" } };
  await sendReply(connection, reply, true, new Date(0), (bytes) => order.push(`${bytes} bytes`));
  expect(order).toEqual(["10 bytes", "written"]);
});

test("a stream's head says when it was made, what comes, and whether the connection is kept", () => {
  expect(streamHead(false, new Date(0))).toBe(
    [
      "HTTP/1.1 200 OK",
      `Content-Type: ${FRAMES_TYPE}`,
      "Transfer-Encoding: chunked",
      "Date: Thu, 01 Jan 1970 00:00:00 GMT",
      "Connection: keep-alive",
      "Keep-Alive: timeout=5",
      "\r\n",
    ].join("\r\n"),
  );
  expect(streamHead(true, new Date(0))).toContain("\r\nConnection: close\r\n");
});

test.each([
  [200, "OK"],
  [400, "Bad Request"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [411, "Length Required"],
  [413, "Content Too Large"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [503, "Service Unavailable"],
])("an answer of %d has its phrase", async (status, phrase) => {
  expect(await sentFor(status, true)).toStartWith(`HTTP/1.1 ${status} ${phrase}\r\n`);
});

test("a caller is told for how long a connection may stay unused, or that it is over", async () => {
  const kept = await sentFor(200, false);
  expect(kept).toContain("\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n");
  const last = await sentFor(200, true);
  expect(last).toContain("\r\nConnection: close\r\n");
  expect(last).not.toContain("Keep-Alive");
});
