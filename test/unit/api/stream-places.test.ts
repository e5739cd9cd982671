/** How many streams there may be, and that they leave room for what is not one. */
import { expect, test } from "bun:test";
import { streamLimits, streamPlaces } from "../../../src/api/stream-places.ts";
import { apiShares } from "../../../src/core/descriptor-shares.ts";

test.each([
  [65_536, { requests: 56, reserve: 8, hosts: 256 }],
  [1024, { requests: 15, reserve: 2, hosts: 8 }],
  [256, { requests: 3, reserve: 0, hosts: 8 }],
  [64, { requests: 1, reserve: 0, hosts: 4 }],
])("T65 with %d descriptors", (descriptors, expected) => {
  expect(streamLimits(apiShares(descriptors, 64))).toEqual(expected);
});

test("T65 streams leave connections, and half of what calls agents, to requests", () => {
  for (let descriptors = 64; descriptors < 70_000; descriptors += 37) {
    const shares = apiShares(descriptors, 64);
    const { requests, reserve, hosts } = streamLimits(shares);
    const all = requests + reserve;
    expect(all).toBeLessThanOrEqual(Math.max(1, shares.connections / 4));
    expect(all * hosts).toBeLessThanOrEqual(Math.max(1, shares.work / 2));
  }
});

test("T21 whoever finds no place is told so with 503, and when to come again", () => {
  const places = streamPlaces();
  const limits = { requests: 2, reserve: 1 };
  const enter = (peer: string) => places.enter(peer, limits, false);
  expect([enter("192.0.2.1"), enter("192.0.2.1")]).toEqual([undefined, undefined]);
  expect(enter("192.0.2.1")).toMatchObject({
    status: 503,
    headers: { "Retry-After": "1" },
    body: {
      error: "busy",
      detail: "2 event streams and downloads are open, which is the limit",
    },
  });
  expect(enter("198.51.100.1")).toBeUndefined();
  places.leave("192.0.2.1");
  places.leave("192.0.2.1");
  expect(enter("192.0.2.1")).toBeUndefined();
});
