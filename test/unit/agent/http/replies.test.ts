import { expect, test } from "bun:test";
import { sendReply } from "../../../../src/agent/http/replies.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";

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
  let sent = "";
  const connection = {
    write: async (text: string) => {
      sent += text;
    },
  };
  await sendReply(connection as unknown as Connection, { status, body: {} }, true, new Date(0));
  expect(sent).toStartWith(`HTTP/1.1 ${status} ${phrase}\r\n`);
});
