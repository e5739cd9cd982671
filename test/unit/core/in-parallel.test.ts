import { expect, test } from "bun:test";
import { inParallel } from "../../../src/core/in-parallel.ts";

/** How many are worked on at once at most, and which were. */
async function worked(items: readonly number[], limit: number) {
  const done: number[] = [];
  let [now, most] = [0, 0];
  await inParallel(items, limit, async (item) => {
    now += 1;
    most = Math.max(most, now);
    await Promise.resolve();
    now -= 1;
    done.push(item);
  });
  return { done: done.sort((a, b) => a - b), most };
}

test.each([
  [1, 1],
  [2, 2],
  [9, 5],
])("with a limit of %d, five items are worked on %d at once, each of them", async (limit, most) => {
  expect(await worked([1, 2, 3, 4, 5], limit)).toEqual({ done: [1, 2, 3, 4, 5], most });
});

test("of nothing there is nothing to do", async () => {
  expect(await worked([], 3)).toEqual({ done: [], most: 0 });
});

test("a failure is passed on", async () => {
  const fail = async () => {
    throw new Error("no");
  };
  await expect(inParallel([1], 1, fail)).rejects.toThrow("no");
});
