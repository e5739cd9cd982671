/** Fair shares by address (T19). */
import { expect, test } from "bun:test";
import { callerNetwork, greediest } from "../../src/core/caller-network.ts";

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:DB8:0:0:ffff:ffff:ffff:ffff", "2001:db8:0:0::/64"],
  ["2001:0db8:0000::ffff", "2001:db8:0:0::/64"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:3:4:5::", "2001:db8:1:2::/64"],
  ["1::2:3:4:5:6:7", "1:0:2:3::/64"],
  ["::", "0:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
  ["1:2:3:4:5:6:192.0.2.1", "1:2:3:4::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64%eth0"],
  ["", ""],
  ["no address", "no address"],
])("T28 %p counts as %p", (address, network) => {
  expect(callerNetwork(address)).toBe(network);
});

test("the greediest makes room, unless the newcomer has as much", () => {
  const holders = [..."aaab"].map((group, index) => [group, index] as const);
  expect(greediest(holders, "c")).toEqual([0, 1, 2]);
  expect(greediest(holders, "b")).toEqual([0, 1, 2]);
  expect(greediest(holders, "a")).toBeUndefined();
  expect(
    greediest(
      [..."aabb"].map((group) => [group, 0] as const),
      "b",
    ),
  ).toBeUndefined();
  expect(greediest([], "a")).toBeUndefined();
});
