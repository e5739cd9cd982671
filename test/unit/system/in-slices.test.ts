import { expect, test } from "bun:test";
import { inSlices } from "../../../src/system/in-slices.ts";

test("T67 every item has its turn in order, and others have theirs in between", async () => {
  let turns = 0;
  let working = true;
  const count = () => {
    turns += 1;
    if (working) setImmediate(count);
  };
  setImmediate(count);
  const done: number[] = [];
  await inSlices([1, 2, 3, 4, 5], (item) => {
    done.push(item);
    const end = performance.now() + 5;
    while (performance.now() < end);
  });
  working = false;
  expect(done).toEqual([1, 2, 3, 4, 5]);
  expect(turns).toBeGreaterThanOrEqual(4);
});

test("what the work throws ends it", async () => {
  const done: number[] = [];
  const work = inSlices([1, 2, 3], (item) => {
    if (item === 2) throw new Error("two");
    done.push(item);
  });
  await expect(work).rejects.toThrow("two");
  expect(done).toEqual([1]);
});
