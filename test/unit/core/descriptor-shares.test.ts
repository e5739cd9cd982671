import { expect, test } from "bun:test";
import { agentShares, apiShares, pairingShares } from "../../../src/core/descriptor-shares.ts";

test.each([
  [1_000_000, 256, { connections: 256, processes: 142_853 }],
  [1024, 256, { connections: 256, processes: 142 }],
  [256, 256, { connections: 116, processes: 29 }],
  [64, 256, { connections: 20, processes: 5 }],
  [64, 4, { connections: 4, processes: 5 }],
  [16, 256, { connections: 1, processes: 1 }],
])("T20 %d descriptors and max_connections %d", (descriptors, max, expected) => {
  expect(agentShares(descriptors, max)).toEqual(expected);
});

test.each([
  [20_000, 64, { connections: 1024, requests: 64, reserve: 8, work: 18_632 }],
  [1024, 64, { connections: 400, requests: 64, reserve: 8, work: 280 }],
  [256, 64, { connections: 92, requests: 19, reserve: 2, work: 48 }],
  [64, 64, { connections: 16, requests: 4, reserve: 0, work: 8 }],
  [16, 64, { connections: 1, requests: 1, reserve: 0, work: 1 }],
  [1024, 1, { connections: 400, requests: 1, reserve: 2, work: 532 }],
])("T65 the API, %d descriptors and api_max_requests %d", (descriptors, max, expected) => {
  expect(apiShares(descriptors, max)).toEqual(expected);
});

test.each([
  [20_000, 10, { connections: 266, queue: 10, exchanges: 42, work: 19_710 }],
  [1024, 10_000, { connections: 500, queue: 468, exchanges: 500, work: 500 }],
  [64, 10, { connections: 20, queue: 10, exchanges: 20, work: 20 }],
  [64, 100, { connections: 20, queue: 10, exchanges: 20, work: 20 }],
  [16, 10, { connections: 1, queue: 1, exchanges: 1, work: 1 }],
])("T65 pairing-mode, %d descriptors and pairing_max_queue %d", (descriptors, max, expected) => {
  expect(pairingShares(descriptors, max)).toEqual(expected);
});

test("T20 all of it together stays below the limit", () => {
  for (let descriptors = 40; descriptors < 5000; descriptors++) {
    const { connections, processes } = agentShares(descriptors, 256);
    expect(connections + 4 * processes + 20).toBeLessThanOrEqual(descriptors);
    expect(7 * processes + 20).toBeLessThanOrEqual(descriptors);
    const api = apiShares(descriptors, 64);
    const hooks = api.requests + 2 * api.reserve;
    expect(api.connections + 4 * hooks + api.work + 20).toBeLessThanOrEqual(descriptors);
    const pairing = pairingShares(descriptors, 100);
    expect(pairing.connections + pairing.work + 20).toBeLessThanOrEqual(descriptors);
    expect(pairing.queue).toBeLessThan(pairing.connections);
  }
});
