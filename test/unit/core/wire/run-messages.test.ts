/** A run as programs hear of it: one message for each event, whatever its output is made of. */
import { describe, expect, test } from "bun:test";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import type { LongText } from "../../../../src/core/wire/json-pieces.ts";
import { messageBytes } from "../../../../src/core/wire/message-bytes.ts";
import { type RunMessage, RunMessages, summaryOf } from "../../../../src/core/wire/run-messages.ts";

const HOST = "web-01";
const REQID = "0123456789abcdef";
const BEGIN = {
  kind: "begin",
  reqid: REQID,
  script: "deploy",
  started: "2026-01-15T12:00:00Z",
} as const;

const ENDED: RunResult = {
  ...{ host: HOST, script: "deploy", exit: 0, stdout: "", stderr: "", rtt: "1ms" },
  ...{ reqid: REQID, state: "ended" as const },
};
const { stdout: _, stderr: __, ...REST } = ENDED;
const END = { event: "end", ...REST };

const printed = (offset: number, bytes: Uint8Array | string, stream = "stdout" as const) =>
  ({ kind: "output", stream, offset, bytes: Buffer.from(bytes as string) }) satisfies RunEvent;

/** What a program reads of them. */
function read(messages: Iterable<RunMessage>): unknown[] {
  return [...messages].map((message) => JSON.parse(messageBytes(message).toString()));
}

function heard(...events: readonly RunEvent[]): unknown[] {
  const messages = new RunMessages();
  const all = events.flatMap((event) => [...messages.hear(HOST, event)]);
  return read([...all, ...messages.end(ENDED)]);
}

const out = (offset: number, data: string, stream = "stdout") => {
  return { event: stream, host: HOST, stream, offset, data };
};
const out64 = (offset: number, bytes: Uint8Array) => {
  const data_b64 = Buffer.from(bytes).toString("base64");
  return { event: "stdout", host: HOST, stream: "stdout", offset, data_b64 };
};

describe("while it is under way", () => {
  test("its beginning, what it prints, and its end", () => {
    const start = { event: "start", host: HOST, reqid: REQID, script: "deploy" };
    expect(heard(BEGIN, printed(0, "one\n"), { kind: "alive" }, printed(4, "é"))).toEqual([
      { ...start, started: BEGIN.started },
      out(0, "one\n"),
      out(4, "é"),
      END,
    ]);
  });

  test("a character that comes in pieces is one, with the offset of its first byte", () => {
    const bytes = Buffer.from("x😀y");
    const pieces = Array.from(bytes, (byte, at) => printed(at, Uint8Array.of(byte)));
    expect(heard(BEGIN, ...pieces).slice(1, -1)).toEqual([out(0, "x"), out(1, "😀"), out(5, "y")]);
  });

  test("whatever stands before it in its piece, and however long the text is", () => {
    const bytes = Buffer.from("xé");
    const pieces = [printed(3, bytes.subarray(0, 2)), printed(5, bytes.subarray(2))];
    expect(heard(BEGIN, ...pieces).slice(1, -1)).toEqual([out(3, "x"), out(4, "é")]);
    const long = "é".repeat(30_000);
    expect(heard(BEGIN, printed(0, long)).slice(1, -1)).toEqual([out(0, long)]);
  });

  test("one that is never whole is bytes: at the end, and before a gap", () => {
    const cut = Buffer.from("日").subarray(0, 2);
    expect(heard(BEGIN, printed(0, cut)).slice(1, -1)).toEqual([out64(0, cut)]);
    expect(heard(BEGIN, printed(0, cut), printed(9, "x")).slice(1, -1)).toEqual([
      out64(0, cut),
      out(9, "x"),
    ]);
  });

  test("bytes that are not text come as they are, in messages of 48 KiB at most", () => {
    const bytes = Buffer.alloc(49_152 * 2 + 5, 0xff);
    expect(heard(BEGIN, printed(7, bytes)).slice(1, -1)).toEqual([
      out64(7, bytes.subarray(0, 49_152)),
      out64(7 + 49_152, bytes.subarray(0, 49_152)),
      out64(7 + 2 * 49_152, bytes.subarray(0, 5)),
    ]);
  });

  test("each stream and each host has its own characters", () => {
    const messages = new RunMessages();
    const [first, rest] = [Buffer.from("é").subarray(0, 1), Buffer.from("é").subarray(1)];
    const at = (stream: "stdout" | "stderr", offset: number, bytes: Uint8Array) =>
      ({ kind: "output", stream, offset, bytes }) as const;
    expect([...messages.hear("a", at("stdout", 0, first))]).toEqual([]);
    expect([...messages.hear("a", at("stderr", 0, Buffer.from("x")))]).toHaveLength(1);
    expect([...messages.hear("b", at("stdout", 0, Buffer.from("y")))]).toHaveLength(1);
    expect(read(messages.hear("a", at("stdout", 1, rest)))).toMatchObject([
      { offset: 0, data: "é" },
    ]);
  });
});

describe("of which nothing was heard before its result", () => {
  const long = (...parts: readonly string[]): LongText => ({ parts: () => parts });
  const endedWith = (result: RunResult, messages = new RunMessages()) => read(messages.end(result));
  const told = (changes: Partial<RunResult>) =>
    endedWith({ ...ENDED, ...changes } as RunResult).slice(0, -1);

  test("what it printed comes with that", () => {
    expect(told({ stdout: "one\n", stderr: "two" })).toEqual([
      out(0, "one\n"),
      out(0, "two", "stderr"),
    ]);
    expect(told({ stdout: long("aé", "b") })).toEqual([out(0, "aé"), out(3, "b")]);
  });

  test("base64 counts where there is some", () => {
    const bytes = Buffer.from([0xff, 0x61, 0xfe]);
    expect(told({ stdout: "?a?", stdout_b64: bytes.toString("base64") })).toEqual([
      out64(0, bytes),
    ]);
  });

  test("a result has no output twice, nor after it was heard", () => {
    const messages = new RunMessages();
    for (const message of messages.hear(HOST, BEGIN)) void message;
    expect(endedWith({ ...ENDED, stdout: "one" }, messages)).toEqual([END]);
    // It is forgotten then: the next one on that host is another.
    expect(endedWith({ ...ENDED, stdout: "one" }, messages)).toHaveLength(2);
  });
});

test("a summary counts the outcomes, and says how long it took in whole milliseconds", () => {
  expect(summaryOf(REQID, ["failed", "ok", "ok"], 12.6)).toEqual({
    event: "summary",
    reqid: REQID,
    hosts: 3,
    outcomes: { ok: 2, failed: 1 },
    took: "13ms",
  });
});
