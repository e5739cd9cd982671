import { expect, test } from "bun:test";
import { KeptSlots } from "../../../../src/agent/door/kept-slots.ts";

test("an address has one slot, taken in the order of arrival, and another address its own", async () => {
  const slots = new KeptSlots();
  const { promise, resolve } = Promise.withResolvers<void>();
  const done: string[] = [];
  const first = slots.inTurn("a", async () => {
    await promise;
    done.push("a1");
  });
  const second = slots.inTurn("a", async () => void done.push("a2"));
  await slots.inTurn("b", async () => void done.push("b"));
  expect(done).toEqual(["b"]);
  resolve();
  await Promise.all([first, second]);
  expect(done).toEqual(["b", "a1", "a2"]);
});

test("work that fails gives the slot back", async () => {
  const slots = new KeptSlots();
  const failing = slots.inTurn("a", () => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  await slots.inTurn("a", async () => undefined);
});

test("T21 no more than sixteen wait", async () => {
  const slots = new KeptSlots();
  const { promise, resolve } = Promise.withResolvers<void>();
  const turns: Promise<void>[] = [];
  for (let n = 0; n < 17; n++) {
    expect(slots.isFull("a")).toBe(false);
    turns.push(slots.inTurn("a", () => promise));
  }
  expect([slots.isFull("a"), slots.isFull("b")]).toEqual([true, false]);
  resolve();
  await Promise.all(turns);
  expect(slots.isFull("a")).toBe(false);
});
