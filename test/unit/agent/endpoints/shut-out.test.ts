import { expect, test } from "bun:test";
import { untilShutOut } from "../../../../src/agent/endpoints/shut-out.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";

const OUTPUT: RunEvent = { kind: "output", stream: "stdout", offset: 0, bytes: Buffer.from("a") };
const ALIVE: RunEvent = { kind: "alive" };

/** @param events each with the time at which it comes */
async function heard(events: readonly (readonly [at: number, event: RunEvent])[], outAt: number) {
  let time = 0;
  let looks = 0;
  async function* come(): AsyncGenerator<RunEvent> {
    for (const [at, event] of events) {
      time = at;
      yield event;
    }
  }
  const isShutOut = () => {
    looks += 1;
    return time >= outAt;
  };
  let count = 0;
  for await (const _ of untilShutOut(come(), isShutOut, () => time)) count += 1;
  return { count, looks };
}

test("of much output one event in a tenth of a second is looked at", async () => {
  const second = Array.from({ length: 1000 }, (_, at) => [at, OUTPUT] as const);
  expect(await heard(second, Number.POSITIVE_INFINITY)).toEqual({ count: 1000, looks: 10 });
});

test("T02 output goes on for no longer than that, and nothing else goes on at all", async () => {
  const all = Array.from({ length: 1000 }, (_, at) => [at, OUTPUT] as const);
  expect((await heard(all, 310)).count).toBe(400);
  const mixed = [[0, ALIVE] as const, [1, OUTPUT] as const, [2, OUTPUT] as const];
  expect((await heard([...mixed, [3, ALIVE]], 2)).count).toBe(3);
});
