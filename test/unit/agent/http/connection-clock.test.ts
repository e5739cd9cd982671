import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import {
  ConnectionClock,
  IDLE_SECONDS,
  type Late,
} from "../../../../src/agent/http/connection-clock.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function ticking() {
  let ended: Late | undefined;
  const clock = new ConnectionClock((late) => {
    ended = late;
  });
  /** Why it has ended, if it has, so many seconds later. */
  const after = async (seconds: number) => {
    jest.advanceTimersByTime(seconds * 1000);
    // What has come is read before a limit counts.
    for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
    return ended;
  };
  return { clock, after };
}

test("T19 a peer that asks nothing, or only begins to, has half a minute from its handshake on", async () => {
  const silent = ticking();
  expect([await silent.after(29.9), await silent.after(0.2)]).toEqual([undefined, "request"]);
  const begun = ticking();
  expect(await begun.after(20)).toBeUndefined();
  begun.clock.requestBegins();
  expect([await begun.after(9.9), await begun.after(0.2)]).toEqual([undefined, "request"]);
});

test("while a request is worked for, time does not run", async () => {
  const { clock, after } = ticking();
  clock.requestBegins();
  clock.requestCame();
  expect(await after(100_000)).toBeUndefined();
});

test("T19 a peer has half a minute for its answer, and a second more for each 64 KiB", async () => {
  const { clock, after } = ticking();
  clock.requestBegins();
  clock.requestCame();
  clock.answering(10 * 65_536);
  expect([await after(39.9), await after(0.2)]).toEqual([undefined, "answer"]);
});

test("T72 a peer has five minutes for each piece of a stream", async () => {
  const { clock, after } = ticking();
  clock.requestBegins();
  clock.requestCame();
  clock.offering();
  expect(await after(299)).toBeUndefined();
  clock.stop();
  expect(await after(299)).toBeUndefined();
  clock.offering();
  expect([await after(299.9), await after(0.2)]).toEqual([undefined, "answer"]);
});

test("T19 a connection that is not used again is ended, and the next request has its own time", async () => {
  const idle = ticking();
  idle.clock.requestBegins();
  idle.clock.requestCame();
  idle.clock.answered();
  expect([await idle.after(IDLE_SECONDS - 0.1), await idle.after(0.2)]).toEqual([
    undefined,
    "idle",
  ]);
  const next = ticking();
  next.clock.requestBegins();
  next.clock.requestCame();
  next.clock.answered();
  expect(await next.after(4)).toBeUndefined();
  next.clock.requestBegins();
  expect([await next.after(29.9), await next.after(0.2)]).toEqual([undefined, "request"]);
});
