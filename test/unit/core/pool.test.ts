import { expect, test } from "bun:test";
import { Pool } from "../../../src/core/pool.ts";

const never = new Promise<never>(() => undefined);

test("so many are taken, or none", () => {
  const pool = new Pool(3);
  expect(pool.take(4)).toBe(false);
  expect(pool.take(2)).toBe(true);
  expect(pool.take(2)).toBe(false);
  expect(pool.free).toBe(1);
  pool.giveBack(2);
  expect(pool.free).toBe(3);
});

test("who waits gets one in turn, and who has given up gets none", async () => {
  const pool = new Pool(1);
  expect(await pool.takeOne(never)).toBe(true);
  const gaveUp = Promise.withResolvers<void>();
  const [first, second, third] = [
    pool.takeOne(never),
    pool.takeOne(gaveUp.promise),
    pool.takeOne(never),
  ] as const;
  // Nobody is overtaken.
  expect(pool.take(1)).toBe(false);
  gaveUp.resolve();
  expect(await second).toBe(false);
  pool.giveBack(1);
  expect(await first).toBe(true);
  pool.giveBack(1);
  expect(await third).toBe(true);
  expect(pool.free).toBe(0);
});

test("T65 what a lender can do without is given back when it is lacking, and not before", () => {
  const pool = new Pool(4);
  pool.take(3);
  const asked: number[] = [];
  const lender = (missing: number) => {
    asked.push(missing);
    pool.giveBack(1);
  };
  pool.addLender(lender);
  expect(pool.take(1)).toBe(true);
  expect(asked).toEqual([]);
  expect(pool.take(1)).toBe(true);
  expect(pool.take(3)).toBe(false);
  expect(asked).toEqual([1, 3]);
  expect(pool.free).toBe(1);
  pool.removeLender(lender);
  expect(pool.take(2)).toBe(false);
  expect(asked).toEqual([1, 3]);
});

test("T65 who waits goes before whoever asks the lenders", async () => {
  const pool = new Pool(1);
  pool.take(1);
  expect(pool.isShort).toBe(false);
  const waiting = pool.takeOne(never);
  expect(pool.isShort).toBe(true);
  const lender = () => {
    pool.removeLender(lender);
    pool.giveBack(1);
  };
  pool.addLender(lender);
  expect(pool.take(1)).toBe(false);
  expect(await waiting).toBe(true);
});

test("a smaller pool lets what is taken come back first; a larger one wakes who waits", async () => {
  const pool = new Pool(2);
  pool.take(2);
  pool.resize(1);
  expect(pool.free).toBe(0);
  pool.giveBack(1);
  expect(pool.free).toBe(0);
  const waiting = pool.takeOne(never);
  pool.resize(2);
  expect(await waiting).toBe(true);
});

test("T65 a lender is asked for what is missing besides what is free, and others only for the rest", () => {
  const pool = new Pool(5);
  expect([pool.size, pool.take(4), pool.free]).toEqual([5, true, 1]);
  const asked: string[] = [];
  const lenderOf = (name: string) => (missing: number) => {
    asked.push(`${name} ${missing}`);
    pool.giveBack(1);
  };
  for (const name of ["a", "b", "c"]) pool.addLender(lenderOf(name));
  expect(pool.hasFree(3)).toBe(true);
  expect(asked).toEqual(["a 2", "b 1"]);
  expect(pool.free).toBe(3);
});

test("who gives up while others wait behind leaves them their turn", async () => {
  const pool = new Pool(1);
  pool.take(1);
  const gaveUp = Promise.withResolvers<never>();
  const [first, second] = [pool.takeOne(gaveUp.promise), pool.takeOne(never)];
  gaveUp.reject(new Error("gone"));
  expect(await first).toBe(false);
  pool.giveBack(1);
  expect(await second).toBe(true);
  expect(pool.isShort).toBe(false);
});

test("who gives up after having got one has it", async () => {
  const pool = new Pool(1);
  const gaveUp = Promise.withResolvers<void>();
  pool.take(1);
  const [first, second] = [pool.takeOne(gaveUp.promise), pool.takeOne(never)];
  pool.giveBack(1);
  gaveUp.resolve();
  expect(await first).toBe(true);
  pool.giveBack(1);
  expect(await second).toBe(true);
});
