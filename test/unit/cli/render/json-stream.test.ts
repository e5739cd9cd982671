import { describe, expect, test } from "bun:test";
import { JsonStream } from "../../../../src/cli/render/json-stream.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const REQID = "a1b2c3d4e5f60718";

const OK: RunResult = {
  host: "web-01",
  script: "deploy",
  exit: 0,
  stdout: "",
  stderr: "",
  rtt: "42ms",
  reqid: REQID,
  state: "ended",
};

const BEGIN: RunEvent = {
  kind: "begin",
  reqid: REQID,
  script: "deploy",
  started: "2026-11-29T08:00:00Z",
};

function output(
  offset: number,
  bytes: Uint8Array | string,
  stream: "stdout" | "stderr" = "stdout",
): RunEvent {
  return { kind: "output", stream, offset, bytes: Buffer.from(bytes as string) };
}

/** The lines of what was heard and of its result. */
function lines(events: readonly RunEvent[], result: Partial<RunResult> = {}, terminal = {}) {
  const kept = new KeptIo(terminal);
  const stream = new JsonStream(kept.io);
  for (const event of events) stream.hear("web-01", event);
  stream.show({ ...OK, ...result } as RunResult);
  return parsed(kept.out);
}

function parsed(out: string): Record<string, unknown>[] {
  expect(out).toEndWith("\n");
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** The bytes of a stream, put together by offset. */
function bytesIn(all: readonly Record<string, unknown>[], stream: string): Buffer {
  let bytes = Buffer.alloc(0);
  for (const { event, host, stream: of, offset, data, data_b64 } of all) {
    if (event !== stream) continue;
    expect({ host, of, offset }).toEqual({ host: "web-01", of: stream, offset: bytes.length });
    const piece =
      data_b64 === undefined
        ? Buffer.from(data as string)
        : Buffer.from(data_b64 as string, "base64");
    bytes = Buffer.concat([bytes, piece]);
  }
  return bytes;
}

describe("a line for each event", () => {
  test("start, output, end", () => {
    expect(lines([BEGIN, output(0, "a\n"), output(0, "b", "stderr"), output(2, "c")])).toEqual([
      {
        event: "start",
        host: "web-01",
        reqid: REQID,
        script: "deploy",
        started: "2026-11-29T08:00:00Z",
      },
      { event: "stdout", host: "web-01", stream: "stdout", offset: 0, data: "a\n" },
      { event: "stderr", host: "web-01", stream: "stderr", offset: 0, data: "b" },
      { event: "stdout", host: "web-01", stream: "stdout", offset: 2, data: "c" },
      {
        event: "end",
        host: "web-01",
        script: "deploy",
        exit: 0,
        rtt: "42ms",
        reqid: REQID,
        state: "ended",
      },
    ]);
  });

  test("signs of life are none; the end says what was dropped", () => {
    const dropped: RunEvent = { kind: "dropped", stream: "stdout", offset: 1, bytes: 9 };
    const all = lines([BEGIN, { kind: "alive" }, output(0, "a"), dropped], { stdout_dropped: 9 });
    expect(all.map(({ event }) => event)).toEqual(["start", "stdout", "end"]);
    expect(all.at(-1)).toMatchObject({ stdout_dropped: 9 });
  });

  test("a host of which nothing was heard has its output before its end", () => {
    const bytes = Buffer.from([0xff, 0xfe]);
    const all = lines([], { stdout: "Zoë\n", stderr: "??", stderr_b64: bytes.toString("base64") });
    expect(all.map(({ event }) => event)).toEqual(["stdout", "stderr", "end"]);
    expect(bytesIn(all, "stdout").toString()).toBe("Zoë\n");
    expect(all[1]).toMatchObject({ data_b64: bytes.toString("base64") });
    expect(Object.keys(all[2] ?? {})).not.toContain("stderr_b64");
  });

  test("one that has failed says why, and no more", () => {
    const end = { exit: -1, state: "never-ran", error: "no route" } as const;
    expect(lines([], end)).toEqual([expect.objectContaining({ event: "end", ...end })]);
  });

  test("a large output of an older agent comes in lines of a bounded length", () => {
    const stdout = `${"x".repeat(99)}\n`.repeat(5_000);
    const big = Buffer.alloc(200_000, 0xff);
    const all = lines([], { stdout, stderr: "", stderr_b64: big.toString("base64") });
    for (const line of all) expect(JSON.stringify(line).length).toBeLessThan(150_000);
    expect(bytesIn(all, "stdout").toString()).toBe(stdout);
    expect(bytesIn(all, "stderr").equals(big)).toBe(true);
  });

  test("the summary", () => {
    const kept = new KeptIo();
    const failed = { ...OK, host: "db-01", exit: 3 };
    new JsonStream(kept.io).close(
      { reqid: REQID, results: [OK, failed, { ...OK, host: "x" }], recorded: true },
      1234.4,
    );
    expect(kept.out).toBe(
      `{"event":"summary","reqid":"${REQID}","hosts":3,"outcomes":{"ok":2,"failed":1},"took":"1234ms","recorded":true}\n`,
    );
  });
});

describe("base64 is for bytes that are not UTF-8 alone", () => {
  const text = "aé日\u{1f600}z\ufeff";

  test("not for a character that was cut, wherever", () => {
    const bytes = Buffer.from(text);
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const cut = [
          output(0, bytes.subarray(0, first)),
          output(first, bytes.subarray(first, second)),
          output(second, bytes.subarray(second)),
        ];
        const all = lines(cut);
        expect(all.filter((line) => "data_b64" in line)).toEqual([]);
        expect(bytesIn(all, "stdout").toString()).toBe(text);
      }
    }
  });

  test("many of them come in several lines, and each says where it goes on", () => {
    const bytes = Buffer.alloc(65_536, 0xff);
    const told = lines([BEGIN, output(7, bytes)]).filter(({ event }) => event === "stdout");
    expect(told.map(({ offset }) => offset)).toEqual([7, 7 + 49_152]);
    const text = told.map(({ data_b64 }) => String(data_b64));
    expect(Buffer.concat(text.map((each) => Buffer.from(each, "base64"))).equals(bytes)).toBe(true);
  });

  test("the other stream between does not matter", () => {
    const [first, second] = [Buffer.from("日").subarray(0, 2), Buffer.from("日").subarray(2)];
    const all = lines([output(0, first), output(0, "x", "stderr"), output(2, second)]);
    expect(bytesIn(all, "stdout").toString()).toBe("日");
    expect(all.filter((line) => "data_b64" in line)).toEqual([]);
  });

  test.each([
    ["Latin-1", [0x5a, 0x6f, 0xeb]],
    ["a character that never ends", [0x61, 0xe6, 0x97]],
    ["continuation alone", [0x80, 0x80, 0x80, 0x80, 0x80]],
    ["overlong, surrogates", [0xc0, 0xaf, 0xed, 0xa0, 0x80]],
    ["bytes that begin nothing", [0xff, 0xfe, 0xf8, 0x88]],
  ])("%s: exact, however it is cut", (_, list) => {
    const bytes = Buffer.from(list);
    for (let at = 0; at <= bytes.length; at++) {
      const all = lines([output(0, bytes.subarray(0, at)), output(at, bytes.subarray(at))]);
      expect(bytesIn(all, "stdout").equals(bytes)).toBe(true);
    }
  });

  test("a character is not made of what stands on both sides of a gap", () => {
    const bytes = Buffer.from("日");
    const gap: RunEvent = { kind: "dropped", stream: "stdout", offset: 2, bytes: 10 };
    const all = lines([output(0, bytes.subarray(0, 2)), gap, output(12, bytes.subarray(2))]);
    expect(all.slice(0, 2)).toEqual([
      expect.objectContaining({ offset: 0, data_b64: bytes.subarray(0, 2).toString("base64") }),
      expect.objectContaining({ offset: 12, data_b64: bytes.subarray(2).toString("base64") }),
    ]);
  });
});

test("T74 on a terminal nothing that it obeys is raw, and the value is the same", () => {
  const kept = new KeptIo({ outIsTerminal: true });
  const stream = new JsonStream(kept.io);
  const data = "\u001b[2J\u009b\u202e\u007f";
  stream.hear("web-01", output(0, data));
  expect(kept.out).not.toMatch(/[\u007f-\u009f\u202e]/);
  expect(parsed(kept.out)).toEqual([expect.objectContaining({ data })]);
});
