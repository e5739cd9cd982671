/** Fair shares by address (T19). */
import { expect, test } from "bun:test";
import { addressGroup, greediest } from "../../src/core/address-group.ts";

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:0:7::1", "2001:db8:0:7::/64"],
  ["2001:0db8:0:7:a:b:c:d", "2001:db8:0:7::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
  ["1:2:3:4:5:6::", "1:2:3:4::/64"],
  ["", ""],
])("%s is of %s", (address, group) => {
  expect(addressGroup(address)).toBe(group);
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
