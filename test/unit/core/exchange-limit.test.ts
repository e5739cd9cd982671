/** T07 how often somebody may try for a certain confirmation code. */
import { describe, expect, test } from "bun:test";
import { ExchangeLimit } from "../../../src/core/exchange-limit.ts";

const MINUTE = 60_000;

/** Begins exchanges until one is refused; returns how many were not. */
function tries(
  limit: ExchangeLimit,
  next: (count: number) => { host: string; ip: string; now: number },
  after: (id: string) => void,
): number {
  for (let count = 0; count < 1000; count++) {
    const { host, ip, now } = next(count);
    const id = crypto.randomUUID();
    if (!limit.begin(id, host, ip, now)) return count;
    after(id);
  }
  return 1000;
}

const address = (count: number) => `192.0.${count >> 8}.${count & 255}`;

describe("T07 exchanges that were given up", () => {
  test("under one name, from as many addresses as one likes: ten", () => {
    const limit = new ExchangeLimit(1000);
    const next = (count: number) => ({ host: "web-01", ip: address(count), now: 0 });
    expect(tries(limit, next, (id) => limit.end(id, false))).toBe(10);
    expect(limit.begin("x", "WEB-01", "198.51.100.1", 0)).toBe(false);
    expect(limit.begin("x", "web-02", "198.51.100.1", 0)).toBe(true);
  });

  test("under one name, those under way count as well", () => {
    const limit = new ExchangeLimit(1000);
    const next = (count: number) => ({ host: "web-01", ip: address(count), now: 0 });
    expect(tries(limit, next, () => undefined)).toBe(10);
    // However long they are held open.
    expect(limit.begin("x", "web-01", "198.51.100.1", 60 * MINUTE)).toBe(false);
  });

  test("of one caller, under as many names as he likes: twenty-five; of IPv6 his /64 counts", () => {
    for (const ip of ["192.0.2.1", "2001:db8::"]) {
      const limit = new ExchangeLimit(1000);
      const next = (count: number) => ({
        host: `web-${count}`,
        ip: ip.endsWith("::") ? `${ip}${count.toString(16)}` : ip,
        now: 0,
      });
      expect(tries(limit, next, (id) => limit.end(id, false))).toBe(25);
      expect(limit.begin("x", "other", "198.51.100.1", 0)).toBe(true);
    }
  });

  test("of all together: a hundred", () => {
    const limit = new ExchangeLimit(1000);
    const next = (count: number) => ({ host: `web-${count}`, ip: address(count), now: 0 });
    expect(tries(limit, next, (id) => limit.end(id, false))).toBe(100);
  });

  test("count for ten minutes", () => {
    const limit = new ExchangeLimit(1000);
    const at = (now: number) => () => ({ host: "web-01", ip: "192.0.2.1", now });
    const giveUp = (id: string) => limit.end(id, false);
    expect(tries(limit, at(0), giveUp)).toBe(10);
    expect(tries(limit, at(10 * MINUTE - 1), giveUp)).toBe(0);
    expect(tries(limit, at(10 * MINUTE), giveUp)).toBe(10);
  });
});

test("a fleet may pair at once, from behind one address: what is approved does not count", () => {
  const limit = new ExchangeLimit(1000);
  const ids: string[] = [];
  const next = (count: number) => ({ host: `web-${count}`, ip: "192.0.2.1", now: 0 });
  expect(tries(limit, next, (id) => ids.push(id))).toBe(1000);
  for (const id of ids) limit.end(id, true);
  expect(limit.begin("x", "web-1", "192.0.2.1", 1)).toBe(true);
});

test("T07 those under way have a limit of their own, and one that ends makes room", () => {
  const limit = new ExchangeLimit(42);
  const next = (count: number) => ({ host: `web-${count}`, ip: address(count), now: 0 });
  const ids: string[] = [];
  expect(tries(limit, next, (id) => ids.push(id))).toBe(42);
  limit.end(ids[0] ?? "", true);
  expect(limit.begin("x", "web-x", "198.51.100.1", 0)).toBe(true);
  expect(limit.begin("y", "web-y", "198.51.100.1", 0)).toBe(false);
});

test("a request that made no exchange may end too", () => {
  const limit = new ExchangeLimit(1000);
  limit.end("unknown", false);
  expect(limit.begin("x", "web-01", "192.0.2.1", 0)).toBe(true);
});
