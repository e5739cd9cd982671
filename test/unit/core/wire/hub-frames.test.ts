import { expect, test } from "bun:test";
import {
  type HubFrame,
  HubFrameReader,
  hubFrame,
  MAX_HUB_PAYLOAD,
} from "../../../../src/core/wire/hub-frames.ts";

const TICKET = "0123456789abcdef".repeat(2);
const FRAMES: readonly HubFrame[] = [
  { type: "K" },
  { type: "H", listens: false, version: "1.1.0" },
  { type: "W", version: "1.1.0" },
  { type: "R", error: "no room" },
  { type: "T", ticket: TICKET, caller: "192.0.2.1" },
  { type: "T", ticket: TICKET },
  { type: "Q", id: 1, host: "web-01" },
  { type: "A", id: 1, since: "2026-01-15T12:00:00Z", listens: true },
  { type: "O", id: 2, host: "web-01" },
  { type: "G", id: 2, ticket: TICKET },
  { type: "N", id: 2, error: "it is not connected" },
];

function raw(type: string, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.from([type.charCodeAt(0), bytes.length >> 8, bytes.length & 255]);
  return Buffer.concat([head, bytes]);
}

test.each([1, 2, 3, 7, 4096])("frames are read from pieces of %p bytes", (size) => {
  const bytes = Buffer.concat(FRAMES.map(hubFrame));
  const reader = new HubFrameReader();
  const read: HubFrame[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    read.push(...(reader.take(bytes.subarray(at, at + size)) ?? []));
  }
  expect(read).toEqual([...FRAMES]);
});

test("a sign of life is three bytes", () => {
  expect(hubFrame({ type: "K" })).toEqual(Buffer.from([0x4b, 0, 0]));
});

test("a member that is not known is ignored: a later version may have more", () => {
  const [frame] = new HubFrameReader().take(raw("W", '{"version":"1.2","more":1}')) ?? [];
  expect(frame).toEqual({ type: "W", version: "1.2" });
});

test.each([
  ["an unknown type", raw("Z", "{}")],
  ["no JSON", raw("W", "{")],
  ["no object", raw("W", "[]")],
  ["a member that is missing", raw("Q", '{"id":1}')],
  ["a ticket that is none", raw("T", `{"ticket":"${TICKET}0"}`)],
  ["a negative id", raw("Q", '{"id":-1,"host":"web-01"}')],
  ["a name that is too long", raw("Q", JSON.stringify({ id: 1, host: "a".repeat(256) }))],
  ["a length beyond the longest, before the payload comes", Buffer.from([0x57, 0x04, 0x01])],
  ["JSON instead of nothing", raw("A", "")],
])("%s is refused, and so is what follows", (_, bytes) => {
  expect(new HubFrameReader().take(bytes)).toBeUndefined();
});

test("no frame is longer than the reader takes", () => {
  expect(() => hubFrame({ type: "R", error: "x".repeat(MAX_HUB_PAYLOAD) })).toThrow(RangeError);
});
