/** How many requests may be in flight, and whom the rest are kept for (T21). */

import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { RequestSlots } from "../../../src/api/request-slots.ts";

const LIMITS = { requests: 4, reserve: 2 };
const FLOOD = "192.0.2.1";

/** Statuses of the answers, 0 for a slot. */
function entered(slots: RequestSlots, ...peers: readonly string[]): number[] {
  return peers.map((peer) => slots.enter(peer, LIMITS, false)?.status ?? 0);
}

/** One caller in every slot that one caller may have. */
function flooded(): RequestSlots {
  const slots = new RequestSlots();
  expect(entered(slots, ...Array.from({ length: 4 }, () => FLOOD))).toEqual([0, 0, 0, 0]);
  return slots;
}

test("T21 one caller gets the slots and not one of the reserve; the others get that", () => {
  const slots = flooded();
  expect(entered(slots, FLOOD, "198.51.100.1", "198.51.100.2", "198.51.100.3")).toEqual([
    429, 0, 0, 503,
  ]);
  expect(slots.taken).toBe(6);
});

test("T21 a liveness check has a reserve of its own", () => {
  const slots = flooded();
  const light = () => slots.enter(FLOOD, LIMITS, true)?.status ?? 0;
  expect([light(), light(), light()]).toEqual([0, 0, 429]);
  expect(slots.enter("198.51.100.1", LIMITS, true)).toBeUndefined();
});

test("T21 429 is for whoever holds more than half, and says so", () => {
  const slots = new RequestSlots();
  expect(entered(slots, FLOOD, FLOOD, "198.51.100.1", "198.51.100.1")).toEqual([0, 0, 0, 0]);
  expect(entered(slots, FLOOD)).toEqual([503]);
  slots.leave("198.51.100.1");
  expect(entered(slots, FLOOD)).toEqual([0]);
  const refused = slots.enter(FLOOD, LIMITS, false);
  expect(refused?.status).toBe(429);
  expect(refused?.headers).toHaveProperty("Retry-After");
  expect(refused?.body).toMatchObject({ detail: "4 requests are in flight, most of them yours" });
});

test("a slot that is left is there again, for its own caller too", () => {
  const slots = flooded();
  slots.leave(FLOOD);
  expect(slots.taken).toBe(3);
  expect(entered(slots, FLOOD, FLOOD)).toEqual([0, 429]);
});

test("T21 who holds two slots and leaves one is still known to hold one", () => {
  const slots = new RequestSlots();
  entered(slots, FLOOD, FLOOD, "198.51.100.1", "198.51.100.1");
  slots.leave(FLOOD);
  expect(entered(slots, "198.51.100.1")).toEqual([0]);
  expect(entered(slots, FLOOD)).toEqual([503]);
});

test("T21 the addresses of one /64 are one caller", () => {
  const slots = new RequestSlots();
  const addresses = Array.from({ length: 5 }, (_, n) => `2001:db8::${n + 1}`);
  expect(entered(slots, ...addresses)).toEqual([0, 0, 0, 0, 429]);
});

test("T21 a caller that has left takes no memory", () => {
  const slots = new RequestSlots();
  const heap = () => {
    Bun.gc(true);
    return heapStats().heapSize;
  };
  const callers = (of: number) => {
    for (let n = 0; n < 100_000; n += 1) {
      const peer = `10.${of}.${n >> 8}.${n & 255}`;
      slots.enter(peer, LIMITS, false);
      slots.leave(peer);
    }
  };
  callers(1);
  const before = heap();
  callers(2);
  callers(3);
  // Kept, the 200,000 would take some 15 MiB.
  expect(heap() - before).toBeLessThan(4 << 20);
});
