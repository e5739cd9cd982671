import { expect, test } from "bun:test";
import { capacity } from "../../../src/agent/door/capacity.ts";

test.each([
  [1_000_000, 256, { connections: 256, processes: 249_930 }],
  [1024, 256, { connections: 256, processes: 186 }],
  [256, 256, { connections: 116, processes: 29 }],
  [64, 256, { connections: 20, processes: 5 }],
  [64, 4, { connections: 4, processes: 9 }],
  [16, 256, { connections: 1, processes: 1 }],
])("T20 %d descriptors and max_connections %d", (descriptors, max, expected) => {
  expect(capacity(descriptors, max)).toEqual(expected);
});

test("T20 all of it together stays below the limit", () => {
  for (let descriptors = 40; descriptors < 5000; descriptors++) {
    const { connections, processes } = capacity(descriptors, 256);
    expect(connections + 4 * processes + 20).toBeLessThanOrEqual(descriptors);
  }
});
