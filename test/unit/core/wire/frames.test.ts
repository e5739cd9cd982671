import { describe, expect, test } from "bun:test";
import type { RunEnding, RunEvent, StreamOffsets } from "../../../../src/core/run-event.ts";
import { FrameReader } from "../../../../src/core/wire/frame-reader.ts";
import { framePieces } from "../../../../src/core/wire/frames.ts";

const BEGIN = {
  kind: "begin",
  reqid: "0123456789abcdef",
  script: "say",
  started: "2026-11-29T03:00:00Z",
} as const;
const END: RunEnding = {
  state: "ended",
  exit: 0,
  started: "2026-11-29T03:00:00Z",
  ended: "2026-11-29T03:00:01Z",
  stdout_bytes: 0,
  stderr_bytes: 0,
};

const bytesOf = (events: readonly RunEvent[]) => Buffer.concat(events.flatMap(framePieces));

function frame(type: string, offset: number | bigint, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(13);
  head.write(type, "latin1");
  head.writeBigUInt64BE(BigInt(offset), 1);
  head.writeUInt32BE(bytes.length, 9);
  return Buffer.concat([head, bytes]);
}

function read(bytes: Buffer, size = bytes.length, from?: StreamOffsets): RunEvent[] {
  const reader = new FrameReader(from);
  const events: RunEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    events.push(...reader.take(bytes.subarray(at, at + size)));
  }
  return joined(events);
}

/** The same events, where output that follows output is one. */
function joined(events: readonly RunEvent[]): RunEvent[] {
  const all: RunEvent[] = [];
  for (const event of events) {
    const last = all.at(-1);
    const more =
      event.kind === "output" &&
      last?.kind === "output" &&
      last.stream === event.stream &&
      last.offset + last.bytes.length === event.offset;
    if (!more) all.push(event);
    else all.splice(-1, 1, { ...last, bytes: Buffer.concat([last.bytes, event.bytes]) });
  }
  return all;
}

const output = (stream: "stdout" | "stderr", offset: number, text: string): RunEvent => ({
  kind: "output",
  stream,
  offset,
  bytes: Buffer.from(text),
});

test("a head without its output is not an event yet, however short the output is", () => {
  const reader = new FrameReader();
  const bytes = bytesOf([BEGIN, output("stdout", 0, "x")]);
  expect([...reader.take(bytes.subarray(0, -1))]).toEqual([BEGIN]);
  expect([...reader.take(bytes.subarray(-1))]).toEqual([output("stdout", 0, "x")]);
});

describe("a run's events become frames and events again, however the bytes are cut", () => {
  const events: RunEvent[] = [
    BEGIN,
    output("stdout", 0, "one\ntwo\n"),
    output("stderr", 0, "\u{1f600}"),
    { kind: "alive" },
    { kind: "dropped", stream: "stdout", offset: 8, bytes: 2 ** 40 },
    output("stdout", 8 + 2 ** 40, "x"),
    {
      kind: "end",
      end: {
        ...END,
        exit: 126,
        signal: "TERM",
        timed_out: true,
        cancelled: true,
        cancelled_by: "ann",
        error: "ended",
        stdout_bytes: 9 + 2 ** 40,
        stderr_bytes: 4,
      },
    },
  ];

  test.each([1, 2, 13, 14, 100, 65_536])("in pieces of %d", (size) => {
    expect(read(bytesOf(events), size)).toEqual(events);
  });

  test("long output is several frames of 64 KiB at most, and not one byte is copied", () => {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const long = Buffer.concat([bytes, bytes, bytes.subarray(0, 5)]);
    const pieces = framePieces({ kind: "output", stream: "stderr", offset: 7, bytes: long });
    expect(pieces.map(({ length }) => length)).toEqual([13, 65_536, 13, 65_536, 13, 5]);
    expect(
      pieces.filter((_, index) => index % 2 === 1).every((p) => p.buffer === long.buffer),
    ).toBe(true);
    const whole = Buffer.concat([...framePieces(BEGIN), ...pieces]);
    const from = { stdout: 0, stderr: 7 };
    expect(read(whole, 16_384, from)).toEqual([
      BEGIN,
      { kind: "output", stream: "stderr", offset: 7, bytes: long },
    ]);
    const events = [...new FrameReader(from).take(whole)];
    expect(
      events.every((event) => event.kind !== "output" || event.bytes.buffer === whole.buffer),
    ).toBe(true);
  });

  test("empty output is not a frame", () => {
    expect(framePieces(output("stdout", 0, ""))).toEqual([]);
  });

  test("the reader says where another stream can go on, in the middle of a frame too", () => {
    const reader = new FrameReader({ stdout: 10, stderr: 0 });
    expect([reader.begun, reader.ended]).toEqual([false, false]);
    const bytes = bytesOf([BEGIN, output("stdout", 10, "abcdef")]);
    expect([...reader.take(bytes.subarray(0, -2))]).toEqual([BEGIN, output("stdout", 10, "abcd")]);
    expect(reader.offsets).toEqual({ stdout: 14, stderr: 0 });
    expect([reader.begun, reader.ended]).toEqual([true, false]);
    const rest = bytesOf([{ kind: "end", end: { ...END, stdout_bytes: 16 } }]);
    for (const event of reader.take(Buffer.concat([bytes.subarray(-2), rest]))) void event;
    expect(reader.ended).toBe(true);
  });
});

describe("T61 T69 any other stream is refused", () => {
  const begin = bytesOf([BEGIN]);
  const end = (change: object) => frame("X", 0, JSON.stringify({ ...END, ...change }));

  test.each<[string, Buffer[], string]>([
    ["an unknown type", [begin, frame("Z", 0, "")], "unknown type"],
    ["a type that is not a letter", [Buffer.alloc(13)], "unknown type"],
    ["HTTP", [Buffer.from("HTTP/1.1 200 OK\r\n\r\n")], "unknown type"],
    ["a payload that is too long", [begin, frame("O", 0, Buffer.alloc(65_537))], "65537 bytes"],
    ["output before B", [frame("O", 0, "x")], "not one frame B"],
    ["a second B", [begin, begin], "not one frame B"],
    ["a gap", [begin, frame("O", 1, "x")], "stdout from byte 1 on, where byte 0 comes next"],
    ["an overlap", [begin, frame("E", 0, "ab"), frame("E", 1, "b")], "stderr from byte 1 on"],
    ["dropped elsewhere", [begin, frame("D", 5, '{"stream":"stdout","bytes":1}')], "byte 5 on"],
    ["nothing dropped", [begin, frame("D", 0, '{"stream":"stdout","bytes":0}')], "frame D"],
    ["dropped of no stream", [begin, frame("D", 0, '{"stream":"x","bytes":1}')], "frame D"],
    ["no output", [begin, frame("O", 0, "")], "without output"],
    ["K with words", [begin, frame("K", 0, "x")], "not empty"],
    ["K with an offset", [begin, frame("K", 1, "")], "with an offset"],
    ["X with an offset", [begin, frame("X", 1, JSON.stringify(END))], "with an offset"],
    ["bytes after X", [begin, end({}), Buffer.from("O")], "after the end"],
    ["output missing at the end", [begin, end({ stdout_bytes: 3 })], "stdout from byte 3 on"],
    ["errors missing at the end", [begin, end({ stderr_bytes: 3 })], "stderr from byte 3 on"],
    ["an exit that is not a number", [begin, end({ exit: "0" })], "frame X"],
    ["an exit that is not valid", [begin, end({ exit: 256 })], "frame X"],
    ["a state of its own", [begin, end({ state: "asleep" })], "frame X"],
    ["an error without end", [begin, end({ error: "x".repeat(8193) })], "frame X"],
    ["a time that is not valid", [begin, end({ started: "\u001b[2J" })], "frame X"],
    ["no JSON", [frame("B", 0, "{")], "frame B"],
    ["an empty B", [frame("B", 0, "")], "frame B"],
    [
      "a reqid that is not valid",
      [frame("B", 0, JSON.stringify({ ...BEGIN, reqid: "x" }))],
      "frame B",
    ],
    ["an offset beyond counting", [begin, frame("O", 2n ** 63n, "x")], "can be counted"],
    [
      "a sum beyond counting",
      [
        begin,
        frame("D", 0, `{"stream":"stdout","bytes":${Number.MAX_SAFE_INTEGER - 65_536}}`),
        frame("D", Number.MAX_SAFE_INTEGER - 65_536, '{"stream":"stdout","bytes":1}'),
      ],
      "can be counted",
    ],
  ])("%s", (_, frames, problem) => {
    for (const size of [1, 65_536 * 2]) {
      expect(() => read(Buffer.concat(frames), size)).toThrow(
        expect.objectContaining({ code: "protocol", message: expect.stringContaining(problem) }),
      );
    }
  });

  test("as many bytes as can be counted are taken", () => {
    const most = Number.MAX_SAFE_INTEGER - 65_536;
    const frames = [begin, frame("D", 0, `{"stream":"stdout","bytes":${most}}`)];
    expect(read(Buffer.concat(frames)).at(-1)).toMatchObject({ kind: "dropped", bytes: most });
    expect(read(frame("B", 0, JSON.stringify(BEGIN)), 7, { stdout: most, stderr: 0 })).toHaveLength(
      1,
    );
    const last = read(Buffer.concat([begin, frame("O", BigInt(most), "x")]), 100, {
      ...{ stdout: most, stderr: 0 },
    });
    expect(last.at(-1)).toEqual(output("stdout", most, "x"));
  });

  test("a length that is too much is refused with the head, before anything is held", () => {
    const head = frame("B", 0, Buffer.alloc(65_537)).subarray(0, 13);
    expect(() => read(head)).toThrow("65537 bytes");
  });

  test("what came before the fault is passed on", () => {
    const events: RunEvent[] = [];
    const bytes = Buffer.concat([begin, frame("O", 0, "ab"), frame("O", 0, "x")]);
    expect(() => {
      for (const event of new FrameReader().take(bytes)) events.push(event);
    }).toThrow("stdout from byte 0 on");
    expect(events).toEqual([BEGIN, output("stdout", 0, "ab")]);
  });
});

test("a frame that no reader would take is not written", () => {
  const error = "x".repeat(2 ** 20);
  expect(() => framePieces({ kind: "end", end: { ...END, error } })).toThrow(RangeError);
});
