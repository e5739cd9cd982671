/** Fair shares by address (T19). */
import { expect, test } from "bun:test";
import { callerNetwork, callerSite } from "../../../../src/core/net/caller-network.ts";

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
  ["1::4:5:6:192.0.2.1", "1:0:0:4::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64%eth0"],
  ["", ""],
  ["no address", "no address"],
])("T28 %p counts as %p", (address, network) => {
  expect(callerNetwork(address)).toBe(network);
});

test.each([
  ["192.0.2.1", "192.0.2.0/24"],
  ["::ffff:192.0.2.1", "192.0.2.0/24"],
  ["2001:db8:1:2::3", "2001:db8:1::/48"],
  ["2001:db8::", "2001:db8:0::/48"],
  ["1::2:3:4:5:6:7", "1:0:2::/48"],
  ["fe80::1%eth0", "fe80:0:0::/48%eth0"],
  ["", ""],
  ["no address", "no address"],
])("T28 %p is of the network %p", (address, site) => {
  expect(callerSite(address)).toBe(site);
});
