import { beforeAll, describe, expect, test } from "bun:test";
import { ConnectionClock } from "../../../../src/agent/http/connection-clock.ts";
import { EventStream } from "../../../../src/agent/http/event-stream.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import { ChunkReader } from "../../../../src/core/wire/chunks.ts";
import { FrameReader } from "../../../../src/core/wire/frame-reader.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { Authority } from "../../../support/authority.ts";
import { type ConnectionPair, connectionPair } from "../../../support/connection-pair.ts";
import { until } from "../../../support/folder.ts";

let ca: Authority;
beforeAll(async () => {
  ca = await Authority.create();
});

const STARTED = "2026-11-29T03:00:00Z";
const BEGIN = {
  kind: "begin",
  reqid: "0123456789abcdef",
  script: "say",
  started: STARTED,
} as const;

const endAfter = (stdoutBytes: number): RunEvent => ({
  kind: "end",
  end: {
    state: "ended",
    exit: 0,
    started: STARTED,
    ended: STARTED,
    stdout_bytes: stdoutBytes,
    stderr_bytes: 0,
  },
});

const output = (offset: number, bytes: Uint8Array): RunEvent => ({
  kind: "output",
  stream: "stdout",
  offset,
  bytes,
});

/** The kinds of the events that arrive, the bytes of output, and whether the body was complete. */
function hear(connection: Connection) {
  const chunks = new ChunkReader();
  const frames = new FrameReader();
  const heard = { kinds: [] as string[], bytes: 0, whole: false };
  connection.read({
    data(piece) {
      for (const content of chunks.take(piece)) {
        for (const event of frames.take(content)) {
          heard.kinds.push(event.kind);
          if (event.kind === "output") heard.bytes += event.bytes.length;
        }
      }
      heard.whole = chunks.ended;
    },
    end: () => undefined,
    closed: () => undefined,
  });
  return heard;
}

/** Sends over the pair, with a connection clock whose limit for a piece is this. */
function sending({ server }: ConnectionPair, pieceMs = 60_000, silenceMs = 60_000) {
  let late = false;
  const close = () => {
    late = true;
    server.close();
  };
  const clock = new ConnectionClock(close, { requestMs: 60_000, idleMs: 60_000, pieceMs });
  clock.requestCame();
  const stream = new EventStream(server, clock, silenceMs);
  return { stream, wasLate: () => late };
}

async function* given(...events: readonly RunEvent[]): AsyncGenerator<RunEvent> {
  yield* events;
}

test("a run's events arrive as they were, and its end completes the body", async () => {
  using pair = await connectionPair(ca);
  const heard = hear(pair.client);
  const long = Buffer.alloc(200_000, "x");
  const { stream } = sending(pair);
  const events = given(BEGIN, output(0, Buffer.from("a")), output(1, long), endAfter(200_001));
  expect(await stream.send(events)).toBe(true);
  await until("all has arrived", () => heard.whole);
  expect(heard.kinds.filter((kind) => kind !== "output")).toEqual(["begin", "end"]);
  expect(heard.bytes).toBe(200_001);
});

test("events that stop before the end leave the body open: who reads it knows that more would come", async () => {
  using pair = await connectionPair(ca);
  const heard = hear(pair.client);
  const { stream } = sending(pair);
  expect(await stream.send(given(BEGIN, output(0, Buffer.from("a"))))).toBe(false);
  await until("it has arrived", () => heard.bytes === 1);
  expect(heard).toEqual({ kinds: ["begin", "output"], bytes: 1, whole: false });
});

describe("a script that is silent", () => {
  test("is known to live: the reader is told so again and again, until it speaks", async () => {
    using pair = await connectionPair(ca);
    const heard = hear(pair.client);
    const { stream } = sending(pair, 60_000, 20);
    const spoken = Promise.withResolvers<RunEvent>();
    async function* events(): AsyncGenerator<RunEvent> {
      yield BEGIN;
      yield await spoken.promise;
      yield endAfter(1);
    }
    const sent = stream.send(events());
    await until("three signs have come", () => heard.kinds.length === 4);
    spoken.resolve(output(0, Buffer.from("a")));
    expect(await sent).toBe(true);
    await until("all has arrived", () => heard.whole);
    expect(heard.kinds.slice(0, 4)).toEqual(["begin", "alive", "alive", "alive"]);
    expect(heard.kinds.slice(-2)).toEqual(["output", "end"]);
  });

  test("whose stream has ended gets no more signs", async () => {
    using pair = await connectionPair(ca);
    const heard = hear(pair.client);
    const { stream } = sending(pair, 60_000, 10);
    await stream.send(given(BEGIN));
    await Bun.sleep(60);
    expect(heard.kinds).toEqual(["begin"]);
  });
});

test("a stream that ends while a sign of life is on its way is reported no more, and its reader owes nothing", async () => {
  const writes: PromiseWithResolvers<void>[] = [];
  let owes = false;
  const clock = {
    offering() {
      owes = true;
    },
    stop() {
      owes = false;
    },
  };
  const peer = {
    closed: false,
    write() {
      const written = Promise.withResolvers<void>();
      writes.push(written);
      return written.promise;
    },
  };
  const ends = Promise.withResolvers<void>();
  async function* events(): AsyncGenerator<RunEvent> {
    yield BEGIN;
    await ends.promise;
  }
  const sent = new EventStream(peer, clock, 10).send(events());
  await until("it has begun", () => writes.length === 1);
  // What is taken slowly is not silence.
  await Bun.sleep(40);
  expect(owes).toBe(true);
  writes[0]?.resolve();
  for (let step = 0; step < 20; step++) await undefined;
  expect([writes.length, owes]).toEqual([1, false]);
  await until("a sign of life is on its way", () => writes.length === 2);
  expect(owes).toBe(true);
  ends.resolve();
  expect([await sent, owes]).toEqual([false, false]);
  writes[1]?.resolve();
  await Bun.sleep(40);
  expect([writes.length, owes]).toEqual([2, false]);
});

describe("T72 a reader that stops", () => {
  /** Output without end; counts what was asked for. */
  function endless() {
    const piece = Buffer.alloc(65_536, "x");
    const state = { asked: 0, ended: false };
    async function* events(): AsyncGenerator<RunEvent> {
      try {
        yield BEGIN;
        for (;;) {
          yield output(state.asked * piece.length, piece);
          state.asked += 1;
        }
      } finally {
        state.ended = true;
      }
    }
    return { state, events };
  }

  /** Resolves when it has not changed for a while. */
  async function standsStill(read: () => number): Promise<number> {
    let before = -1;
    while (read() !== before) {
      before = read();
      await Bun.sleep(100);
    }
    return before;
  }

  test("holds the output back where it is made, and gets all of it when it goes on", async () => {
    using pair = await connectionPair(ca);
    const heard = hear(pair.client);
    pair.client.pause();
    const { stream } = sending(pair);
    const { state, events } = endless();
    const sent = stream.send(events());
    const asked = await standsStill(() => state.asked);
    // What the system itself takes; Linux has some 6 MiB at most for both ends.
    expect(asked).toBeLessThan(200);
    pair.client.resume();
    await until("it goes on", () => heard.bytes > 2 * asked * 65_536);
    pair.client.close();
    expect(await sent).toBe(false);
    expect(state.ended).toBe(true);
  });

  test("and does not go on in time is hung up on", async () => {
    using pair = await connectionPair(ca);
    pair.client.pause();
    const { stream, wasLate } = sending(pair, 100);
    const { state, events } = endless();
    expect(await stream.send(events())).toBe(false);
    expect([wasLate(), state.ended]).toEqual([true, true]);
  });
});
