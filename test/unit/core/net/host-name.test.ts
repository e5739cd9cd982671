import { describe, expect, test } from "bun:test";
import {
  canonicalAddress,
  formatHostPort,
  isHostName,
  isResolvableName,
  lookupName,
  pairedNameProblem,
  parseTarget,
  plainAddress,
  sameHostName,
} from "../../../../src/core/net/host-name.ts";

describe("a host name (RFC 1123 section 2.1)", () => {
  test.each([
    "a",
    "web-01",
    "WEB-01.Example.COM",
    "3com.com",
    "10.0.0.1.example",
    "xn--bcher-kva.example",
    "a".repeat(63),
    `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`,
  ])("%s", (name) => {
    expect(isHostName(name)).toBe(true);
  });

  test.each([
    ["empty", ""],
    ["a dot", "."],
    ["the folder above", "../../.."],
    ["a way out", "../../etc/cron.d/x"],
    ["an absolute path", "/etc/passwd"],
    ["a backslash", "a\\b"],
    ["a hidden file", ".ssh"],
    ["the root's dot", "web-01."],
    ["an empty label", "a..b"],
    ["a leading hyphen, which reads as an option", "-rf"],
    ["a label that ends in a hyphen", "a-.b"],
    ["an underscore", "web_01"],
    ["a space", "web 01"],
    ["a newline at the end", "web-01\n"],
    ["NUL", "web-01\0.example"],
    ["a terminal escape", "web\u001b[2J"],
    ["a colon", "web-01:22"],
    ["a letter that is not ASCII", "bücher"],
    ["a Kelvin sign", "wor\u212a"],
    ["a full-width letter", "ｗeb"],
    ["a wildcard", "*.example"],
    ["a label of 64", "a".repeat(64)],
    ["254 characters", `${"a.".repeat(126)}aa`],
  ])("T06 not %s", (_, name) => {
    expect(isHostName(name)).toBe(false);
  });
});

describe("T70 a name that a host is paired under", () => {
  test.each([
    "web-01",
    "3com",
    "10.0.0.1.example",
    "0x7f.example",
    "a--b",
    "xn--bcher-kva.example",
    "web.5a",
    "web.0x7g",
    "ten-10",
    `${"a.".repeat(124)}aa`,
  ])("may be %s", (name) => {
    expect(pairedNameProblem(name)).toBeUndefined();
  });

  const NUMBER = "a host name does not end in a number";
  test.each([
    ["2130706433", NUMBER],
    ["127.1", NUMBER],
    ["0x7f.1", NUMBER],
    ["0X7F000001", NUMBER],
    ["0177.0.0.1", NUMBER],
    ["10.0.0.012", NUMBER],
    ["10.0.0.5", NUMBER],
    ["1.2.3.4.5", NUMBER],
    ["web.5", NUMBER],
    ["web.0x5", NUMBER],
    ["web.0x", NUMBER],
    ["0", NUMBER],
    [`${"a.".repeat(124)}aaa`, "longer than 250 characters"],
    [`${"a.".repeat(126)}a`, "longer than 250 characters"],
    [`${"a.".repeat(126)}aa`, "not a host name"],
    ["a_b", "not a host name"],
    ["127.1.", "not a host name"],
    ["", "not a host name"],
    ["Ctrl-Exec", "ctrl-exec is the control host's own name"],
  ])("is not %p", (name, problem) => {
    expect(pairedNameProblem(name)).toBe(problem);
  });
});

test("names compare without case, and only ASCII has one", () => {
  expect(sameHostName("Web-01.EXAMPLE", "web-01.example")).toBe(true);
  expect(sameHostName("web-01", "web-02")).toBe(false);
  // toLowerCase() makes a k of the Kelvin sign.
  expect(sameHostName("wor\u212a", "work")).toBe(false);
  expect(sameHostName("", "")).toBe(true);
});

test.each([
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::FFFF:192.0.2.1", "192.0.2.1"],
  ["192.0.2.1", "192.0.2.1"],
  ["::1", "::1"],
  ["2001:db8::ffff:1", "2001:db8::ffff:1"],
  ["fe80::1%eth0", "fe80::1%eth0"],
  ["", ""],
])("T28 %s is %s", (address, plain) => {
  expect(plainAddress(address)).toBe(plain);
});

describe("a target", () => {
  test.each([
    ["web-01", "web-01", undefined],
    ["web-01:7450", "web-01", 7450],
    ["Web-01.example.com:1", "Web-01.example.com", 1],
    ["192.0.2.1", "192.0.2.1", undefined],
    ["192.0.2.1:65535", "192.0.2.1", 65535],
    ["::1", "::1", undefined],
    ["2001:db8::1", "2001:db8::1", undefined],
    // Eight groups: the last is no port.
    ["2001:db8:0:0:0:0:0:7443", "2001:db8:0:0:0:0:0:7443", undefined],
    ["[::1]", "::1", undefined],
    ["[::1]:7443", "::1", 7443],
    ["[FE80::1]:7443", "FE80::1", 7443],
    ["fe80::1%eth0", "fe80::1%eth0", undefined],
    ["[fe80::1%br-lan]:7443", "fe80::1%br-lan", 7443],
    ["fe80::1%br_lan", "fe80::1%br_lan", undefined],
    ["[::ffff:192.0.2.1]:1", "::ffff:192.0.2.1", 1],
  ])("%s", (text, name, port) => {
    expect(parseTarget(text)).toEqual({ name, port });
  });

  test.each([
    "",
    ":",
    ":7443",
    "web-01:",
    "web-01:0",
    "web-01:65536",
    "web-01:123456",
    "web-01:-1",
    "web-01:1e3",
    "web-01: 7443",
    "web-01:7443:7443",
    " web-01",
    "web-01\n",
    "user@web-01",
    "https://web-01",
    "web-01/../x",
    "-o",
    "[]",
    "[::1",
    "::1]",
    "[::1]:",
    "[::1]:0",
    "[::1]x",
    "[web-01]:7443",
    "[192.0.2.1]",
    "[::1]]:7443",
    "::1:::",
    // A resolver reads the last as 10.0.0.10.
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "256.0.0.1",
    "10.0.0.012",
    "0177.0.0.1",
    "0X7F000001:7443",
    "1.2.3.4.5",
    // This host itself, under a name that nobody has registered.
    "0.0.0.0",
    "0.0.0.0:7443",
    "::",
    "[::ffff:0.0.0.0]:7443",
    // The kernel ignores these zones.
    "[::ffff:192.0.2.1%lo]",
    "::1%lo",
    "2001:db8::1%eth0",
    // The same host as fe80::1%lo, under a name that no auth hook knows (T67).
    "fe80::1%1",
    "[fe80::1%1]:7443",
  ])("not %j", (text) => {
    expect(parseTarget(text)).toBeUndefined();
  });
});

test("host and port as a person writes them", () => {
  expect(formatHostPort("web-01", 7443)).toBe("web-01:7443");
  expect(formatHostPort("192.0.2.1", 7443)).toBe("192.0.2.1:7443");
  expect(formatHostPort("::1", 7443)).toBe("[::1]:7443");
});

test.each([
  ["a_b.example", true],
  ["web-01.", true],
  ["x".repeat(253), true],
  ["x".repeat(254), false],
  ["", false],
  ["a b", false],
  ["web-01:80", false],
])("whether a resolver may know %s: %p", (name, may) => {
  expect(isResolvableName(name)).toBe(may);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["2001:DB8:0:0::1", "2001:db8::1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::ffff:c0a8:1ff", "192.168.1.255"],
  ["::FFFF:0:1", "0.0.0.1"],
  ["::ffff:1:2:3", "::ffff:1:2:3"],
  ["FE80:0::1%eTh0", "fe80::1%eTh0"],
  ["web-01", "web-01"],
])("the one form of %s is %s", (address, form) => {
  expect(canonicalAddress(address)).toBe(form);
});

test.each([
  ["Web-01:7450", "web-01"],
  ["[FE80::1%eth0]:1", "fe80::1%eth0"],
  ["No Host", "no host"],
])("%s is looked up as %s", (host, name) => {
  expect(lookupName(host)).toBe(name);
});
