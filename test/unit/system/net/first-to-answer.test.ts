import { expect, test } from "bun:test";
import { Pool } from "../../../../src/core/pool.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { firstToAnswer } from "../../../../src/system/net/first-to-answer.ts";
import { connectTcp, listenTcp } from "../../../../src/system/net/tcp.ts";

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
  const dialled = connectTcp("dual.test", listener.port, 20_000, lookUp, pool);
  await pool.secondWaits.promise;
  pool.giveBack(1);
  const connection = await dialled;
  expect(pool.isShort).toBe(false);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  connection.onClose(() => resolve());
  connection.close();
  await closed;
  // It is called after the first, and answered in its turn.
  const next = await connectTcp("127.0.0.1", listener.port, 20_000, undefined, pool);
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
  const dialled = connectTcp("127.0.0.1", listener.port, 50, undefined, pool);
  expect(await dialled.catch(({ code }) => code)).toBe("EMFILE");
  pool.giveBack(1);
  expect([pool.free, pool.isShort, accepted]).toEqual([1, false, 0]);
  listener.stop();
});
