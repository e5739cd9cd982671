import { describe, expect, test } from "bun:test";
import { AddressList, parseAddressPrefix } from "../../../../src/core/net/address-list.ts";

function listOf(...entries: readonly string[]): Promise<AddressList> {
  return AddressList.of(entries.flatMap((entry) => parseAddressPrefix(entry) ?? []));
}

describe("T28 prefixes of any length, both families", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.1.2.3/9", "10.127.0.1", true],
    ["10.1.2.3/9", "10.128.0.1", false],
    ["192.0.2.128/25", "192.0.2.127", false],
    ["192.0.2.0/31", "192.0.2.1", true],
    ["192.0.2.0/32", "192.0.2.1", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["::/0", "2001:db8::1", true],
    ["::/0", "203.0.113.9", false],
    ["2001:db8::/33", "2001:db8:7fff::1", true],
    ["2001:db8::/33", "2001:db8:8000::1", false],
    ["2001:DB8::1", "2001:db8:0:0::1", true],
    ["fe80::/10", "fe80::1%eth0", true],
  ])("%s has %s: %p", async (entry, address, has) => {
    expect((await listOf(entry)).has(address)).toBe(has);
  });

  test("IPv4-mapped addresses are IPv4, in the list and at the door", async () => {
    expect((await listOf("10.0.0.0/8")).has("::ffff:10.1.2.3")).toBe(true);
    expect((await listOf("10.0.0.0/8")).has("::ffff:11.1.2.3")).toBe(false);
    expect((await listOf("::ffff:10.0.0.0/104")).has("10.1.2.3")).toBe(true);
    expect((await listOf("::ffff:10.0.0.0/104")).has("11.1.2.3")).toBe(false);
    expect((await listOf("::ffff:10.0.0.1")).has("10.0.0.1")).toBe(true);
    expect((await listOf("::ffff:10.0.0.1")).has("10.0.0.2")).toBe(false);
  });

  test.each([
    ["::ffff:7f00:1", "127.0.0.1", "127.0.0.2"],
    ["0:0:0:0:0:FFFF:7f00:1", "127.0.0.1", "127.0.0.2"],
    ["::ffff:a00:0/104", "10.1.2.3", "11.1.2.3"],
    ["::ffff:0:0/96", "203.0.113.9", "2001:db8::1"],
    ["127.0.0.1", "::ffff:7f00:1", "::ffff:7f00:2"],
  ])("and so they are in hexadecimal: %s has %s, not %s", async (entry, inside, outside) => {
    const list = await listOf(entry);
    expect([list.has(inside), list.has(outside)]).toEqual([true, false]);
  });
});

test.each([
  "",
  "x",
  "10.0.0",
  "10.0.0.256",
  "010.0.0.1",
  "10.0.0.0/33",
  "10.0.0.0/",
  "10.0.0.0/-1",
  "10.0.0.0/8/8",
  "10.0.0.0 /8",
  "::/129",
  "::ffff:10.0.0.0/95",
  "::ffff:0:0/95",
  "fe80::1%eth0",
  "localhost",
  "10.0.0.0/255.0.0.0",
])("%j is not an address or prefix", (text) => {
  expect(parseAddressPrefix(text)).toBeUndefined();
});

test("an empty list has nobody, and nobody is no address", async () => {
  expect((await listOf()).has("192.0.2.1")).toBe(false);
  expect((await listOf("0.0.0.0/0", "::/0")).has("")).toBe(false);
});
