/** Which connections are kept, and for whom. The connections are real, without TLS. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import {
  type AgentConnection,
  AgentPool,
  type Lease,
} from "../../../../src/controller/fleet/pool.ts";
import { Pool } from "../../../../src/core/pool.ts";
import { readSerialLine } from "../../../../src/core/serial.ts";
import { listen } from "../../../../src/system/net/listen.ts";
import { connectTcp } from "../../../../src/system/net/tcp.ts";

const KEEP_MS = 60_000;
const MAX_PER_AGENT = 8;

let server: Server;
let port: number;
beforeAll(async () => {
  server = createServer((socket) => void socket.on("error", () => undefined));
  port = await listen(server, "127.0.0.1", 0);
});
afterAll(() => server.close());

async function opened(age = 0): Promise<AgentConnection> {
  return {
    tls: await connectTcp("127.0.0.1", port, 10_000),
    peer: { serial: readSerialLine("01") ?? "", commonName: "web-01", dnsNames: [] },
    peerAddress: "127.0.0.1",
    openedAt: performance.now() - age,
  };
}

/** As many leases of one agent as may be had at once. */
async function allOf(pool: AgentPool, key: string): Promise<Lease[]> {
  const leases: Lease[] = [];
  while (leases.length < MAX_PER_AGENT) leases.push(await pool.lease(key));
  return leases;
}

test("a connection is used again, by the same agent's requests alone, the last one first", async () => {
  const pool = new AgentPool(KEEP_MS);
  const [one, two] = [await opened(), await opened()];
  const [first, second] = [await pool.lease("a"), await pool.lease("a")];
  expect([first.connection, second.connection]).toEqual([undefined, undefined]);
  first.end(one, KEEP_MS);
  second.end(two, KEEP_MS);
  expect((await pool.lease("b")).connection).toBeUndefined();
  const again = [await pool.lease("a"), await pool.lease("a"), await pool.lease("a")];
  expect(again.map(({ connection }) => connection)).toEqual([two, one, undefined]);
  pool.close();
  for (const { tls } of [one, two]) tls.close();
});

test("one that has closed, is a minute old, or may not stay is not kept", async () => {
  const pool = new AgentPool(KEEP_MS);
  const keeps = async (connection: AgentConnection, keepMs: number) => {
    (await pool.lease("a")).end(connection, keepMs);
    const lease = await pool.lease("a");
    lease.end(undefined, 0);
    return lease.connection === connection;
  };
  const young = await opened(59_000);
  expect(await keeps(young, KEEP_MS)).toBe(true);
  expect(young.tls.closed).toBe(false);
  young.tls.close();
  expect(await keeps(young, KEEP_MS)).toBe(false);
  for (const [age, keepMs] of [
    [60_000, KEEP_MS],
    [0, 0],
  ] as const) {
    const connection = await opened(age);
    expect(await keeps(connection, keepMs)).toBe(false);
    expect(connection.tls.closed).toBe(true);
  }
  pool.close();
});

test("one that is not used closes in time, and one that the agent closes is forgotten", async () => {
  const pool = new AgentPool(20);
  const [used, connection] = [await opened(), await opened()];
  (await pool.lease("a")).end(used, KEEP_MS);
  expect((await pool.lease("a")).connection).toBe(used);
  (await pool.lease("a")).end(connection, KEEP_MS);
  const closed = Promise.withResolvers<void>();
  connection.tls.onClose(() => closed.resolve());
  await closed.promise;
  expect((await pool.lease("a")).connection).toBeUndefined();
  expect(used.tls.closed).toBe(false);
  used.tls.close();
  pool.close();
});

test("the ninth request waits for a connection of the eight", async () => {
  const pool = new AgentPool(KEEP_MS);
  const leases = await allOf(pool, "a");
  const ninth = pool.lease("a");
  const tenth = pool.lease("a");
  // Another agent's is not held up.
  expect((await pool.lease("b")).connection).toBeUndefined();
  const connection = await opened();
  leases[0]?.end(connection, KEEP_MS);
  // Ended is ended: the connection is now the ninth's.
  leases[0]?.end(connection, KEEP_MS);
  expect((await ninth).connection).toBe(connection);
  leases[1]?.end(undefined, 0);
  expect((await tenth).connection).toBeUndefined();
  // One that ends when nobody waits makes room for one.
  leases[2]?.end(undefined, 0);
  expect((await pool.lease("a")).connection).toBeUndefined();
  const next = pool.lease("a").then(() => "at once");
  expect(await Promise.race([next, Bun.sleep(50).then(() => "waits")])).toBe("waits");
  pool.close();
  connection.tls.close();
});

test("it waits for so long at most, and then opens its own", async () => {
  const pool = new AgentPool(KEEP_MS, undefined, 100);
  const leases = await allOf(pool, "a");
  const end = () => leases.shift()?.end(undefined, 0);
  const atOnce = async (lease: Promise<Lease>) =>
    await Promise.race([lease.then(() => true), new Promise(setImmediate).then(() => false)]);
  const [served, patient] = [pool.lease("a"), pool.lease("a")];
  end();
  expect(await atOnce(served)).toBe(true);
  const began = performance.now();
  const own = await patient;
  expect(own.connection).toBeUndefined();
  expect(performance.now() - began).toBeGreaterThan(50);
  // Whoever waits no more does not keep the others waiting.
  const next = pool.lease("a");
  end();
  expect(await atOnce(next)).toBe(true);
  // Nine are busy: with the eighth one nobody has more patience than is needed.
  end();
  const last = pool.lease("a");
  expect(await atOnce(last)).toBe(false);
  end();
  expect(await atOnce(last)).toBe(true);
  end();
  expect(await atOnce(pool.lease("a"))).toBe(true);
  pool.close();
});

test("one that comes back when its lease has ended is closed", async () => {
  const pool = new AgentPool(KEEP_MS);
  const lease = await pool.lease("a");
  lease.end(undefined, 0);
  const late = await opened();
  lease.end(late, KEEP_MS);
  expect(late.tls.closed).toBe(true);
  pool.close();
});

test("T65 none is kept while somebody waits for a descriptor", async () => {
  const descriptors = new Pool(4);
  const pool = new AgentPool(KEEP_MS, descriptors);
  const lease = await pool.lease("a");
  const connection = await opened();
  descriptors.take(4);
  const gaveUp = Promise.withResolvers<void>();
  const waiting = descriptors.takeOne(gaveUp.promise);
  lease.end(connection, KEEP_MS);
  expect(connection.tls.closed).toBe(true);
  gaveUp.resolve();
  await waiting;
  pool.close();
});

test("of an agent that nobody asks, and that has no connection, nothing is kept", async () => {
  const pool = new AgentPool(KEEP_MS);
  const connection = await opened();
  const [first, second] = [await pool.lease("a"), await pool.lease("b")];
  expect(pool.agents).toBe(2);
  second.end(undefined, 0);
  first.end(connection, KEEP_MS);
  expect(pool.agents).toBe(1);
  const closed = Promise.withResolvers<void>();
  connection.tls.onClose(() => closed.resolve());
  connection.tls.close();
  await closed.promise;
  expect(pool.agents).toBe(0);
  pool.close();
});

test("nothing is kept, and nobody waits, where no connection is to be kept", async () => {
  const pool = new AgentPool(0);
  const leases = await allOf(pool, "a");
  expect((await pool.lease("a")).connection).toBeUndefined();
  const connection = await opened();
  leases[0]?.end(connection, KEEP_MS);
  expect(connection.tls.closed).toBe(true);
});

test("T65 idle connections take half of the descriptors, and give them to whoever lacks one", async () => {
  const descriptors = new Pool(4);
  const pool = new AgentPool(KEEP_MS, descriptors);
  const connections = [await opened(), await opened(), await opened()];
  const isOpen = () => connections.map(({ tls }) => !tls.closed);
  for (const { tls } of connections) {
    descriptors.take(1);
    tls.onClose(() => descriptors.giveBack(1));
  }
  const leases = await Promise.all(connections.map(() => pool.lease("a")));
  for (const [at, lease] of leases.entries()) lease.end(connections[at], KEEP_MS);
  expect(isOpen()).toEqual([true, true, false]);
  expect(descriptors.hasFree(3)).toBe(true);
  expect(isOpen()).toEqual([false, true, false]);
  const another = await opened();
  (await pool.lease("b")).end(another, KEEP_MS);
  expect(another.tls.closed).toBe(false);
  pool.close();
  expect(isOpen()).toEqual([false, false, false]);
  // A closed one keeps nothing, and lends nothing.
  const late = await opened();
  (await pool.lease("a")).end(late, KEEP_MS);
  expect(late.tls.closed).toBe(true);
});

test("one that closes while it is used takes no idle one with it", async () => {
  const pool = new AgentPool(KEEP_MS, new Pool(4));
  const [one, two, three] = [await opened(), await opened(), await opened()];
  const leases = [await pool.lease("a"), await pool.lease("a"), await pool.lease("a")];
  leases[0]?.end(one, KEEP_MS);
  leases[1]?.end(two, KEEP_MS);
  const used = await pool.lease("a");
  expect(used.connection).toBe(two);
  const closed = Promise.withResolvers<void>();
  two.tls.onClose(() => closed.resolve());
  two.tls.close();
  await closed.promise;
  used.end(two, KEEP_MS);
  // There is still room for one beside the other.
  leases[2]?.end(three, KEEP_MS);
  const again = [await pool.lease("a"), await pool.lease("a"), await pool.lease("a")];
  expect(again.map(({ connection }) => connection)).toEqual([three, one, undefined]);
  for (const { tls } of [one, three]) tls.close();
  pool.close();
});

test("a pool that is closed is not asked for its connections any more", () => {
  const lenders = new Set<unknown>();
  class Lent extends Pool {
    override addLender(lender: Parameters<Pool["addLender"]>[0]): void {
      lenders.add(lender);
    }
    override removeLender(lender: Parameters<Pool["removeLender"]>[0]): void {
      lenders.delete(lender);
    }
  }
  const pool = new AgentPool(KEEP_MS, new Lent(4));
  expect(lenders.size).toBe(1);
  pool.close();
  expect(lenders.size).toBe(0);
});
