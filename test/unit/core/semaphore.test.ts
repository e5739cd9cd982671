import { expect, test } from "bun:test";
import { Semaphore } from "../../../src/core/semaphore.ts";

/** Lets everything that can go on now go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

test("never more holders than places, and all get their turn in order", async () => {
  const semaphore = new Semaphore(2);
  const order: number[] = [];
  const releases: (() => void)[] = [];
  for (let index = 0; index < 5; index++) {
    void semaphore.acquire().then((release) => {
      order.push(index);
      releases.push(release);
    });
  }
  await settle();
  expect(order).toEqual([0, 1]);
  for (const expected of [
    [0, 1, 2],
    [0, 1, 2, 3],
    [0, 1, 2, 3, 4],
  ]) {
    releases.shift()?.();
    await settle();
    expect(order).toEqual(expected);
  }
});

test("giving a place back twice frees one place", async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  release();
  release();
  let holders = 0;
  for (let index = 0; index < 3; index++) void semaphore.acquire().then(() => holders++);
  await settle();
  expect(holders).toBe(1);
});

test("a place that is given back late goes to who waits, not to who comes", async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const order: string[] = [];
  void semaphore.acquire().then(() => order.push("waited"));
  release();
  void semaphore.acquire().then(() => order.push("came"));
  await settle();
  expect(order).toEqual(["waited"]);
});

test("places that are given back while nobody waits are all free again", async () => {
  const semaphore = new Semaphore(2);
  const releases = [await semaphore.acquire(), await semaphore.acquire()];
  for (const release of releases) release();
  let holders = 0;
  for (let index = 0; index < 3; index++) void semaphore.acquire().then(() => holders++);
  await settle();
  expect(holders).toBe(2);
});
