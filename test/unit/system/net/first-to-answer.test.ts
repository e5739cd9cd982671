import { afterEach, describe, expect, jest, test } from "bun:test";
import { Pool } from "../../../../src/core/pool.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { firstToAnswer } from "../../../../src/system/net/first-to-answer.ts";
import { connectTcp, listenTcp } from "../../../../src/system/net/tcp.ts";

afterEach(() => void jest.useRealTimers());

const never = new Promise<never>(() => undefined);

/** What is said when the calls fail one after the other with these. */
async function failureOf(codes: readonly string[], late: Promise<never> = never): Promise<unknown> {
  const call = (code: string) => Promise.reject<Connection>(new ConnectionFailed(code));
  return await firstToAnswer(codes, call, late).catch(({ code }) => code);
}

test.each([
  ["ECONNREFUSED", "ENETUNREACH"],
  ["ECONNREFUSED", "EAFNOSUPPORT"],
  ["ECONNREFUSED", "ETIMEDOUT"],
  ["ECONNRESET", "EHOSTUNREACH"],
  ["ETIMEDOUT", "EADDRNOTAVAIL"],
  ["ETIMEDOUT", "EACCES"],
  ["EPERM", "ENETUNREACH"],
  ["EHOSTUNREACH", "ENETUNREACH"],
])("of several addresses %s says more than %s, whichever came last", async (more, less) => {
  expect(await failureOf([more, less])).toBe(more);
  expect(await failureOf([less, more])).toBe(more);
});

test("of two failures that say as much it is the later one", async () => {
  expect(await failureOf(["EACCES", "EPERM"])).toBe("EPERM");
  expect(await failureOf(["EPERM", "EACCES"])).toBe("EACCES");
});

test.each([
  ["ECONNREFUSED", "ECONNREFUSED"],
  ["ENETUNREACH", "ETIMEDOUT"],
])("after %s at one address, and no answer from the other, it is %s", async (code, said) => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const call = (address: string) => {
    if (address === "first") return Promise.reject<Connection>(new ConnectionFailed(code));
    reject(new ConnectionFailed("ETIMEDOUT"));
    return never;
  };
  const thrown = await firstToAnswer(["first", "second"], call, late).catch((error) => error);
  expect(thrown.code).toBe(said);
});

describe("of several addresses", () => {
  /** Each is answered, or fails, when the test says so. */
  function calling(...addresses: readonly string[]) {
    const calls = new Map<string, PromiseWithResolvers<Connection>>();
    const closed: string[] = [];
    const first = firstToAnswer(
      addresses,
      (address) => {
        const made = Promise.withResolvers<Connection>();
        calls.set(address, made);
        return made.promise;
      },
      never,
    );
    const connection = (address: string) =>
      ({ address, close: () => void closed.push(address) }) as unknown as Connection;
    return {
      first,
      closed,
      called: () => [...calls.keys()],
      answer: (address: string) => calls.get(address)?.resolve(connection(address)),
      fail: (address: string) => calls.get(address)?.reject(new ConnectionFailed("EPIPE")),
    };
  }

  test("the next is called when the one before has failed, or is slow", async () => {
    jest.useFakeTimers();
    const { first, called, answer, fail } = calling("a", "b", "c", "d");
    expect(called()).toEqual(["a"]);
    jest.advanceTimersByTime(200);
    fail("a");
    await new Promise(setImmediate);
    expect(called()).toEqual(["a", "b"]);
    // Its time runs from its own call.
    jest.advanceTimersByTime(249);
    expect(called()).toEqual(["a", "b"]);
    jest.advanceTimersByTime(1);
    expect(called()).toEqual(["a", "b", "c"]);
    answer("c");
    expect((await first).address).toBe("c");
    expect(jest.getTimerCount()).toBe(0);
    fail("b");
    await new Promise(setImmediate);
    expect(called()).toEqual(["a", "b", "c"]);
  });

  test("a connection that comes after the first is closed", async () => {
    jest.useFakeTimers();
    const { first, closed, answer } = calling("a", "b");
    jest.advanceTimersByTime(250);
    answer("b");
    expect((await first).address).toBe("b");
    answer("a");
    await new Promise(setImmediate);
    expect(closed).toEqual(["a"]);
  });
});

class WatchedPool extends Pool {
  readonly secondWaits = Promise.withResolvers<void>();
  #asked = 0;

  override takeOne(gaveUp: Promise<unknown>): Promise<boolean> {
    this.#asked += 1;
    if (this.#asked === 2) this.secondWaits.resolve();
    return super.takeOne(gaveUp);
  }
}

test("T65 who waits for a descriptor leaves when another address has answered, and calls nobody", async () => {
  let accepted = 0;
  const listener = listenTcp("127.0.0.1", 0, () => {
    accepted += 1;
  });
  const pool = new WatchedPool(1);
  pool.take(1);
  const lookUp = async () => ["127.0.0.1", "127.0.0.1"];
  const dialled = connectTcp("dual.test", listener.port, 20_000, { lookUp, descriptors: pool });
  await pool.secondWaits.promise;
  pool.giveBack(1);
  const connection = await dialled;
  expect(pool.isShort).toBe(false);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  connection.onClose(() => resolve());
  connection.close();
  await closed;
  // It is called after the first, and answered in its turn.
  const next = await connectTcp("127.0.0.1", listener.port, 20_000, { descriptors: pool });
  next.close();
  listener.stop();
  expect(accepted).toBe(2);
});

test("T65 nobody is called when the descriptor comes as the time is over", async () => {
  let accepted = 0;
  const listener = listenTcp("127.0.0.1", 0, () => {
    accepted += 1;
  });
  const pool = new Pool(1);
  pool.take(1);
  const dialled = connectTcp("127.0.0.1", listener.port, 50, { descriptors: pool });
  expect(await dialled.catch(({ code }) => code)).toBe("EMFILE");
  pool.giveBack(1);
  expect([pool.free, pool.isShort, accepted]).toEqual([1, false, 0]);
  listener.stop();
});

class HeldPool extends Pool {
  readonly goOn = Promise.withResolvers<void>();

  override async takeOne(gaveUp: Promise<unknown>): Promise<boolean> {
    const taken = await super.takeOne(gaveUp);
    await this.goOn.promise;
    return taken;
  }
}

test("T65 a descriptor that was taken as the time was over is given back", async () => {
  const pool = new HeldPool(1);
  const dialled = connectTcp("127.0.0.1", 1, 10, { descriptors: pool });
  expect(await dialled.catch(({ code }) => code)).toBe("EMFILE");
  expect(pool.free).toBe(0);
  pool.goOn.resolve();
  await new Promise(setImmediate);
  expect(pool.free).toBe(1);
});
