import { expect, test } from "bun:test";
import { sendReply } from "../../../../src/agent/http/replies.ts";
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
