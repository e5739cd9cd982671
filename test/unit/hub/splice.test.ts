/** Bytes between two connections: whole, in order, with their ends, and never many at once. */
import { expect, test } from "bun:test";
import { splice } from "../../../src/hub/splice.ts";
import { Connection } from "../../../src/system/net/connection.ts";
import { connectTcp, listenTcp } from "../../../src/system/net/tcp.ts";

const NOTHING = Buffer.alloc(0);

/** Two clients, each with a connection to a hub that joins them. */
async function joined(early = NOTHING) {
  const accepted: Connection[] = [];
  const both = Promise.withResolvers<void>();
  const listener = listenTcp("127.0.0.1", 0, (connection) => {
    if (accepted.push(connection) === 2) both.resolve();
  });
  const dial = () => {
    return connectTcp("127.0.0.1", listener.port, 5_000, { handlers: Connection.accepted });
  };
  const [near, far] = [await dial(), await dial()];
  await both.promise;
  listener.stop();
  const [a, b] = accepted;
  if (a === undefined || b === undefined) throw new Error("not accepted");
  const ended = Promise.withResolvers<void>();
  splice({ connection: a, early }, { connection: b, early: NOTHING }, ended.resolve);
  const close = () => {
    for (const one of [near, far, a, b]) one.close();
  };
  return { near, far, ended: ended.promise, [Symbol.dispose]: close };
}

/** What arrives until its end. @param pieces called for each; it may make the reader wait */
function reading(connection: Connection, onPiece: (bytes: number) => void = () => undefined) {
  const { promise, resolve } = Promise.withResolvers<{
    bytes: number;
    hash: string;
    how: string;
  }>();
  const hash = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  const done = (how: string) => resolve({ bytes, hash: hash.digest("hex"), how });
  connection.read({
    data(chunk) {
      hash.update(chunk);
      bytes += chunk.length;
      onPiece(bytes);
    },
    end: () => done("end"),
    closed: (fault) => done(fault?.code ?? "closed"),
  });
  connection.resume();
  return promise;
}

const PIECE = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)));

test("what was said before the other end came is the first that it hears", async () => {
  using it = await joined(Buffer.from("early "));
  const heard = reading(it.far);
  await it.near.write("late");
  await it.near.end();
  const expected = new Bun.CryptoHasher("sha256").update("early late").digest("hex");
  expect(await heard).toEqual({ bytes: 10, hash: expected, how: "end" });
});

test("megabytes pass whole both ways at once, and each direction ends by itself", async () => {
  using it = await joined();
  const heard = [reading(it.far), reading(it.near)];
  const send = async (from: Connection) => {
    for (let n = 0; n < 64; n += 1) await from.write(PIECE);
    await from.end();
  };
  await Promise.all([send(it.near), send(it.far)]);
  const hash = new Bun.CryptoHasher("sha256");
  for (let n = 0; n < 64; n += 1) hash.update(PIECE);
  // Once both have ended, each may hear of that by the close alone, which is an orderly one.
  const how = expect.stringMatching(/^(end|closed)$/);
  const whole = { bytes: 64 * PIECE.length, hash: hash.digest("hex"), how };
  expect(await Promise.all(heard)).toEqual([whole, whole]);
  await it.ended;
});

test("T43 an end that reads nothing makes the other one wait: the hub holds no more than a read has brought", async () => {
  using it = await joined();
  let taken = 0;
  const sending = (async () => {
    for (let n = 0; n < 2_000 && !it.near.closed; n += 1) {
      await it.near.write(PIECE);
      taken += PIECE.length;
    }
  })();
  let before = -1;
  while (before !== taken) {
    before = taken;
    await Bun.sleep(50);
  }
  // The kernel's buffers of two connections, and one read.
  expect(taken).toBeLessThan(40 * 2 ** 20);
  const heard = reading(it.far);
  it.near.close();
  await sending;
  await heard;
});

test("T43 a cut is passed on as a cut", async () => {
  using it = await joined();
  const heard = reading(it.far);
  await it.near.write("half of it");
  it.near.reset();
  expect(await heard).toMatchObject({ how: "ECONNRESET" });
  await it.ended;
});
