/** What one connection waits for, and what is told of a request that is still arriving when it is closed. */
import { afterEach, expect, jest, test } from "bun:test";
import { once } from "node:events";
import { IncomingMessage, ServerResponse } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { HttpConnection } from "../../../../src/system/net/http-connection.ts";
import { listen } from "../../../../src/system/net/listen.ts";

afterEach(() => void jest.useRealTimers());

async function connected() {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer(accepted.resolve);
  const client = connect({ host: "127.0.0.1", port: await listen(server, "127.0.0.1", 0) });
  const socket = await accepted.promise;
  server.close();
  const connection = new HttpConnection({
    ...{ raw: socket, socket, peer: "127.0.0.1", refusal: () => "" },
    ...{ idleMs: 60_000, onItsWayMs: 0 },
  });
  const begin = () => {
    const request = new IncomingMessage(socket);
    const response = new ServerResponse(request);
    return { request, response, broken: connection.begin(request, response) };
  };
  return {
    ...{ connection, socket, client, begin },
    [Symbol.dispose]: () => {
      client.destroy();
      socket.destroy();
    },
  };
}

test("who waits for its rest hears that it will never come", async () => {
  using it = await connected();
  const { broken } = it.begin();
  expect(broken?.aborted).toBe(false);
  it.connection.close();
  expect(broken?.aborted).toBe(true);
});

test.each(["this end", "the other"])(
  "T19 one that %s closes waits for nothing more",
  async (end) => {
    using it = await connected();
    jest.useFakeTimers();
    it.connection.rest();
    expect(jest.getTimerCount()).toBe(1);
    const { response, broken } = it.begin();
    response.emit("prefinish");
    // For the rest of the request, and for the reading of what was answered early.
    expect(jest.getTimerCount()).toBe(2);
    if (end === "this end") it.connection.close();
    else {
      const closed = once(it.socket, "close");
      it.socket.resume();
      it.client.destroy();
      it.socket.destroy();
      await closed;
    }
    expect([jest.getTimerCount(), broken?.aborted]).toEqual([0, true]);
    it.connection.rest();
    expect(jest.getTimerCount()).toBe(0);
  },
);

test("T19 at every moment one time runs: for a request, for the reading of an answer, for the next", async () => {
  using it = await connected();
  jest.useFakeTimers();
  const { connection } = it;
  connection.rest();
  const { request, response } = it.begin();
  expect([jest.getTimerCount(), connection.isIdle]).toEqual([1, true]);
  request.emit("end");
  // It is worked on, as long as that takes.
  expect([jest.getTimerCount(), connection.isIdle]).toEqual([0, false]);
  response.emit("prefinish");
  expect([jest.getTimerCount(), connection.isIdle]).toEqual([1, false]);
  response.emit("close");
  expect([jest.getTimerCount(), connection.isIdle]).toEqual([1, true]);
  connection.refuse(400);
  expect([jest.getTimerCount(), it.begin().broken]).toEqual([1, undefined]);
});

test("T21 sixteen answers may be due, and one that has a request under way is not idle", async () => {
  using it = await connected();
  const { connection } = it;
  const begun = Array.from({ length: 16 }, it.begin);
  expect(begun.map(({ broken }) => broken?.aborted)).toEqual(Array(16).fill(false));
  const [first, ...others] = begun;
  for (const { request } of begun) request.emit("end");
  for (const { response } of others) response.emit("close");
  expect(connection.isIdle).toBe(false);
  first?.response.emit("close");
  expect(connection.isIdle).toBe(true);
  for (let count = 0; count < 16; count++) expect(it.begin().broken).toBeDefined();
  expect(it.socket.destroyed).toBe(false);
  expect([it.begin().broken, it.socket.destroyed]).toEqual([undefined, true]);
});

test.each([
  ["is worked on", false, 0],
  ["only waited for its turn", true, 1],
])("T64 once an answer is out, the next one that %s has its own time", async (_, ended, timers) => {
  using it = await connected();
  jest.useFakeTimers();
  const [one, other] = [it.begin(), it.begin()];
  for (const { request } of [one, other]) request.emit("end");
  Object.defineProperty(other.response, "writableEnded", { value: ended });
  one.response.emit("prefinish");
  expect(jest.getTimerCount()).toBe(1);
  one.response.emit("close");
  expect(jest.getTimerCount()).toBe(timers);
});
