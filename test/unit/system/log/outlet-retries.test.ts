/** How a reader that takes nothing is tried again. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { Outlet } from "../../../../src/system/log/outlet.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function stalled() {
  const state = { tries: 0, room: 0 };
  const outlet = new Outlet<string>(() => (item) => {
    state.tries += 1;
    const part = item.slice(0, state.room);
    state.room -= part.length;
    return part.length === item.length ? undefined : item.slice(part.length);
  });
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
    return state.tries;
  };
  /** Tries within so much time. */
  const within = (ms: number) => {
    const before = state.tries;
    jest.advanceTimersByTime(ms);
    return state.tries - before;
  };
  return { outlet, state, turns, within };
}

test("T66 at first at once, and then less and less often, but often enough", async () => {
  const { outlet, turns, within } = stalled();
  outlet.write("abc");
  expect(await turns(200)).toBe(51);
  // After 1, 2, 4, 8, 16, 32 and then 64 milliseconds.
  expect([within(1), within(1), within(1), within(60), within(63), within(1)]).toEqual([
    1, 0, 1, 4, 0, 1,
  ]);
  expect([within(63), within(1), within(640)]).toEqual([0, 1, 10]);
  // What is written meanwhile does not wait twice.
  outlet.write("d");
  expect(within(64)).toBe(1);
  expect(outlet.giveUp()).toEqual(["abc", "d"]);
  expect(within(1000)).toBe(0);
});

test("T66 once it takes something, it is tried at once again", async () => {
  const { outlet, state, turns, within } = stalled();
  outlet.write("abc");
  await turns(200);
  within(1000);
  state.room = 1;
  within(64);
  const before = state.tries;
  expect((await turns(200)) - before).toBe(50);
  state.room = 2;
  within(1);
  await outlet.flush();
  expect(outlet.failure).toBeUndefined();
});

test("T66 what may be lost is lost once more than 256 KiB wait, and not before", () => {
  const { outlet } = stalled();
  expect([outlet.offer("x".repeat(262_144)), outlet.offer("y"), outlet.offer("z")]).toEqual([
    true,
    true,
    false,
  ]);
  expect(outlet.giveUp().map(({ length }) => length)).toEqual([262_144, 1]);
  // There is room again.
  expect(outlet.offer("z")).toBe(true);
  outlet.write("");
  expect(outlet.giveUp()).toEqual(["z"]);
});
