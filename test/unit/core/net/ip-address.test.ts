import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import { ipVersion, isIp, isLinkLocal, lacksZone } from "../../../../src/core/net/ip-address.ts";

describe("an address", () => {
  test.each([
    ["192.0.2.1", 4],
    ["2001:DB8::1", 6],
    ["::", 6],
    ["::ffff:192.0.2.1", 6],
    // Link-local: good on one link only, which it names.
    ["fe80::1%eth0", 6],
    ["fe80::1%3", 6],
    ["fe80::1%br_lan", 6],
  ] as const)("%s is one", (text, version) => {
    expect(ipVersion(text)).toBe(version);
    expect(isIp(text)).toBe(true);
  });

  test.each([
    "",
    "web-01",
    "127.1",
    "0x7f.1",
    "2130706433",
    "10.0.0.012",
    "192.0.2.1\n",
    "192.0.2.1/24",
    "192.0.2.1:80",
    "[::1]",
    "::1]",
    "::1]/",
    "::1]@x[::2",
    "::1\n",
    "\t::1",
    "::\n1",
    "1::2:",
    "::1/64",
    "::1?",
    "fe80::1%",
    "fe80::1%a%b",
    "fe80::1%a/b",
    "::１",
    "1。2.3.4",
    "%3A%3A1",
  ])("%j is none", (text) => {
    expect(ipVersion(text)).toBe(0);
    expect(isIp(text)).toBe(false);
  });
});

test.each([
  ["fe80::1", true, true],
  ["FEBF::1", true, true],
  ["fe80::1%eth0", true, false],
  ["fec0::1", false, false],
  ["2001:db8::fe80:1", false, false],
  ["169.254.0.1", false, false],
  ["", false, false],
])("whether %j is link-local, and says on which interface", (address, linkLocal, lacking) => {
  expect(isLinkLocal(address)).toBe(linkLocal);
  expect(lacksZone(address)).toBe(lacking);
});

/** Every text of up to so many of the pieces. */
function* textsOf(pieces: readonly string[], length: number): Generator<string> {
  yield "";
  if (length === 0) return;
  for (const rest of textsOf(pieces, length - 1)) for (const piece of pieces) yield rest + piece;
}

describe("what is one is what node:net takes for one", () => {
  test.each([
    { pieces: [":", "1", "::", "1:", ":abcd"], length: 7 },
    { pieces: [":", "0:", "255", "256", ".", "01", "1.2.3.4"], length: 6 },
    { pieces: [":", "1:", "f", "g", "%", "-", "%e0", "\n"], length: 6 },
    { pieces: ["1:2:3:4:5", ":6", "::", ":7.8.9.1", ":", "%1"], length: 5 },
  ])("texts of $pieces", ({ pieces, length }) => {
    const wrong = textsOf(pieces, length)
      .filter((text) => ipVersion(text) !== isIP(text))
      .take(10);
    expect([...wrong]).toEqual([]);
  });
});
