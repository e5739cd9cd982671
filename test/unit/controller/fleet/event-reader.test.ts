import { beforeAll, expect, test } from "bun:test";
import { type Contact, ContactWatch } from "../../../../src/controller/fleet/contact-watch.ts";
import { EventReader } from "../../../../src/controller/fleet/event-reader.ts";
import { messageOf } from "../../../../src/core/errors.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import { framePieces } from "../../../../src/core/wire/frames.ts";
import { HttpStream } from "../../../../src/system/net/http-stream.ts";
import { Authority } from "../../../support/authority.ts";
import { chunkOf } from "../../../support/chunks.ts";
import { connectionPair } from "../../../support/connection-pair.ts";

let ca: Authority;
beforeAll(async () => {
  ca = await Authority.create();
});

const STARTED = "2026-11-29T03:00:00Z";
const REQID = "0123456789abcdef";
const BEGIN: RunEvent = { kind: "begin", reqid: REQID, script: "say", started: STARTED };
const END: RunEvent = {
  kind: "end",
  end: {
    state: "ended",
    exit: 0,
    started: STARTED,
    ended: STARTED,
    stdout_bytes: 0,
    stderr_bytes: 0,
  },
};

const chunkOfEvent = (event: RunEvent) => chunkOf(framePieces(event));
const SILENCE_MS = 300;

/** A reader whose stream is what the other end of a connection sends. */
async function reading(
  onEvent: (event: RunEvent) => Promise<void> | void,
  signal?: AbortSignal,
  { contact, silenceMs = SILENCE_MS }: { contact?: ContactWatch; silenceMs?: number } = {},
) {
  const pair = await connectionPair(ca);
  const stream = new HttpStream(pair.client, Buffer.alloc(0), undefined);
  pair.client.read(stream);
  const reader = new EventReader({ reqid: REQID, onEvent, signal, contact }, silenceMs);
  return { pair, reader, done: reader.take(stream).then(() => "", messageOf) };
}

test("an agent that is silent for too long is given up, and could be asked again", async () => {
  const { pair, reader, done } = await reading(() => undefined);
  await pair.server.write(chunkOfEvent(BEGIN));
  expect(await done).toBe("no sign of life for 0.3s");
  expect([pair.client.closed, reader.begun, reader.broken]).toEqual([true, true, false]);
});

test("signs of life are heard, and passed on", async () => {
  const heard: string[] = [];
  const { pair, done } = await reading(({ kind }) => void heard.push(kind));
  await pair.server.write(chunkOfEvent(BEGIN));
  for (let count = 0; count < 6; count += 1) {
    await Bun.sleep(SILENCE_MS / 3);
    await pair.server.write(chunkOfEvent({ kind: "alive" }));
  }
  await pair.server.write(chunkOfEvent(END));
  expect(await done).toBe("");
  expect(heard).toEqual(["begin", ...Array(6).fill("alive"), "end"]);
  pair[Symbol.dispose]();
});

test("whoever hears of it may take any time: that is not a silence of the agent", async () => {
  const heard = Promise.withResolvers<void>();
  const { pair, done } = await reading(async ({ kind }) => {
    if (kind !== "begin") return;
    await Bun.sleep(2 * SILENCE_MS);
    heard.resolve();
  });
  await pair.server.write(chunkOfEvent(BEGIN));
  // What has come before is read all the same, also from a connection that was given up.
  await heard.promise;
  await pair.server.write(chunkOfEvent(END));
  expect(await done).toBe("");
  pair[Symbol.dispose]();
});

test("who watches hears that nothing comes, for how long that is borne, and that it is heard again", async () => {
  const told: Contact[] = [];
  const lost = Promise.withResolvers<void>();
  using contact = new ContactWatch(
    (news) => {
      told.push(news);
      lost.resolve();
    },
    { silence: 10, break: 10 },
  );
  const watching = { contact, silenceMs: 20_000 };
  const { pair, done } = await reading(() => undefined, undefined, watching);
  await pair.server.write(chunkOfEvent(BEGIN));
  await lost.promise;
  await pair.server.write(chunkOfEvent(END));
  expect(await done).toBe("");
  expect(told.slice(0, 2)).toEqual([
    { kind: "lost", why: "nothing has come for 0.01s", seconds: 20 },
    { kind: "back" },
  ]);
  pair[Symbol.dispose]();
});

test("a stream that has ended is left alone, whatever its listener does, and however long nothing comes", async () => {
  const listener = new AbortController();
  const heard: string[] = [];
  const { pair, reader, done } = await reading(
    ({ kind }) => void heard.push(kind),
    listener.signal,
  );
  const before = performance.now();
  // All in one piece: nothing behind the end is looked at.
  const last = [BEGIN, END, { kind: "alive" } as const].flatMap((event) => [...framePieces(event)]);
  await pair.server.write(chunkOf(last));
  expect(await done).toBe("");
  expect(heard).toEqual(["begin", "end"]);
  expect([reader.end?.state, reader.broken]).toEqual(["ended", false]);
  expect(reader.heardAt).toBeGreaterThan(before);
  listener.abort();
  await Bun.sleep(SILENCE_MS + 50);
  expect(pair.client.closed).toBe(false);
  pair[Symbol.dispose]();
});

test("for a listener who has gone nothing is read", async () => {
  const heard: string[] = [];
  const { pair, reader, done } = await reading(
    ({ kind }) => void heard.push(kind),
    AbortSignal.abort(),
  );
  expect(reader.broken).toBe(true);
  expect(await done).not.toBe("");
  expect([heard, reader.heardAt, pair.client.closed]).toEqual([[], undefined, true]);
});
