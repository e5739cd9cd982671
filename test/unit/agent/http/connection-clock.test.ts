import { expect, test } from "bun:test";
import { ConnectionClock } from "../../../../src/agent/http/connection-clock.ts";

const LIMITS = { requestMs: 40, idleMs: 20, pieceMs: 30 };

/** A clock, and the promise that it ends the connection. */
function clock() {
  const { promise: ended, resolve } = Promise.withResolvers<"ended">();
  return { clock: new ConnectionClock(() => resolve("ended"), LIMITS), ended };
}

/** Whether it ends within that time, which is more than all the limits together. */
async function endsWithin(ms: number, ended: Promise<"ended">): Promise<boolean> {
  return (await Promise.race([ended, Bun.sleep(ms).then(() => "open")])) === "ended";
}

/** A process that was held up gives its peers more time. */
const endsByItself = (ended: Promise<"ended">) => endsWithin(5_000, ended);

test("T19 a peer that asks nothing, or only begins to, is ended", async () => {
  expect(await endsByItself(clock().ended)).toBe(true);
  const begun = clock();
  begun.clock.requestBegins();
  expect(await endsByItself(begun.ended)).toBe(true);
});

test("while a request is worked for, time does not run", async () => {
  const working = clock();
  working.clock.requestBegins();
  working.clock.requestCame();
  expect(await endsWithin(150, working.ended)).toBe(false);
  working.clock.stop();
});

test("T19 a peer that does not take its answer is ended", async () => {
  const answering = clock();
  answering.clock.requestBegins();
  answering.clock.requestCame();
  answering.clock.answering(100);
  expect(await endsByItself(answering.ended)).toBe(true);
});

test("T19 a connection that is not used again is ended", async () => {
  const idle = clock();
  idle.clock.requestBegins();
  idle.clock.requestCame();
  idle.clock.answered();
  expect(await endsByItself(idle.ended)).toBe(true);
});
