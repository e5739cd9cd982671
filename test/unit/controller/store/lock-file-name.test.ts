import { describe, expect, test } from "bun:test";
import { lockFileName, readLockFileName } from "../../../../src/controller/store/lock-file-name.ts";

describe("a lock's file has the name that 0.8 gives it", () => {
  test.each([
    ["web-01", "deploy", "web-01--deploy.lock"],
    ["web-01.example.com", "backup_db-2", "web-01.example.com--backup_db-2.lock"],
    ["a", "b--c", "a--b--c.lock"],
    ["a", "-b", "a---b.lock"],
    ["10.0.0.5", "deploy", "10.0.0.5--deploy.lock"],
    ["2001:db8::a", "deploy", "2001_db8__a--deploy.lock"],
    ["h".repeat(121), "s".repeat(127), `${"h".repeat(121)}--${"s".repeat(127)}.lock`],
  ])("%s, %s", (host, script, file) => {
    expect(lockFileName(host, script)).toBe(file);
  });
});

const LONG = `${"a.".repeat(126)}a`;
const CUT = lockFileName(LONG, "deploy").replace(/\.lock$/, "");

test("T70 no two pairs of host and script have the same file", () => {
  const hosts = [
    "a",
    "a--b",
    "a---b",
    "a--b--c",
    "a-b",
    "a.b",
    "xn--a",
    "fe80::1:2",
    "fe80::1%2",
    "fe80::1%252",
    "fe80::1%2d",
    "fe80::1%2-",
    "fe80::1%2--b",
    "fe80::1%2:b",
    LONG,
    `${LONG.slice(0, -1)}b`,
    LONG.slice(0, 251),
  ];
  const scripts = [
    "b",
    "c",
    "b--c",
    "-b",
    "--b",
    "-",
    "--",
    "b-",
    "2Db",
    "s".repeat(255),
    "_",
    "__",
    // What no allowlist can hold, and what would read the same without an escape.
    "",
    "a_b",
    "a;b",
    "a/b",
    "a%b",
    "a%2Fb",
    "a%3Bb",
    "a~b",
    "a\nb",
    "../../..",
    "../b",
    "é",
    "%C3%A9",
    "\u00c3\u00a9",
    "x".repeat(100_000),
  ];
  const files = hosts.flatMap((host) => scripts.map((script) => lockFileName(host, script)));
  const ported = hosts.flatMap((host) => [1, 11].map((port) => lockFileName(host, "b", port)));
  files.push(...ported, lockFileName("fe80::1%3A1", "b"), lockFileName("a%3A1", "b"));
  expect(new Set(files).size).toBe(files.length);
  expect(files.filter((file) => file.length > 255)).toEqual([]);
  expect(files.filter((file) => !/^[A-Za-z0-9_.%~-]+\.lock$/.test(file))).toEqual([]);
});

test("T70 nobody can name a host and a script after a name that was cut", () => {
  expect(CUT).toHaveLength(250);
  // What is in no host's or script's name keeps them apart.
  expect(CUT).toMatch(/^[a.-]+~[0-9a-f]{64}$/);
});

test.each([
  ["web-01", "deploy", undefined],
  ["my_host", "deploy_app", undefined],
  ["a---b-", "b--c", undefined],
  ["fe80::1%eth0", "deploy", undefined],
  ["2001:db8::a", "deploy", 7450],
  ["10.0.0.5", "a;b\né\u{1f600}../%41", 1],
])("a name says whose it is: %p, %p, %p", (host, script, port) => {
  expect(readLockFileName(lockFileName(host, script, port))).toEqual({ host, script, port });
});

test("a name that was cut says its beginning", () => {
  const { host, script } = readLockFileName(lockFileName("web-01", "é".repeat(300)));
  expect(host).toBe("web-01");
  expect(script).toStartWith("éé");
  expect(LONG).toStartWith(readLockFileName(lockFileName(LONG, "deploy")).host);
});
