/** Messages as programs get them: to the byte what JSON.stringify and jsonForScreen() make of their members. */
import { describe, expect, test } from "bun:test";
import { jsonForScreen } from "../../../../src/core/text.ts";
import { messageBytes } from "../../../../src/core/wire/message-bytes.ts";
import type { OutputMessage, RunMessage } from "../../../../src/core/wire/run-messages.ts";

const REQID = "0123456789abcdef";
const START = {
  ...{ event: "start", host: "web\u009b01", reqid: REQID, script: "deploy" },
  started: "2026-01-15T12:00:00Z",
} as const satisfies RunMessage;

function output(bytes: Uint8Array | string, isText: boolean): OutputMessage {
  const place = { event: "stderr", host: "web\u009b01", stream: "stderr", offset: 7 } as const;
  return { ...place, bytes: Buffer.from(bytes as string), isText };
}

const asStrings = (value: object) => jsonForScreen(JSON.stringify(value));
const asBytes = (...args: Parameters<typeof messageBytes>) => messageBytes(...args).toString();

const MEMBERS = { event: "stderr", host: "web\u009b01", stream: "stderr", offset: 7 };
const TEXT = 'a "Zoë"\t\\\u001b[2J\u0085\u2028日\u{1f600}\r\n';
const BYTES = Buffer.from([0xff, 0x00, 0xfb, 0x61]);

describe("safe on a terminal", () => {
  test.each([
    ["a start", START, START],
    ["text", output(TEXT, true), { ...MEMBERS, data: TEXT }],
    ["what is none", output(BYTES, false), { ...MEMBERS, data_b64: BYTES.toString("base64") }],
  ])("%s", (_, message: RunMessage, members) => {
    expect(asBytes(message)).toBe(`${asStrings(members)}\n`);
    const around = ["id: R7\ndata: ", "\n\n"] as const;
    // Of several runs, each names its own, where a message does not of itself.
    const named = { ...message, reqid: REQID };
    expect(asBytes(named, ...around)).toBe(
      `${around[0]}${asStrings({ ...members, reqid: REQID })}${around[1]}`,
    );
  });
});
