import { describe, expect, test } from "bun:test";
import { foreignHost } from "../../../../src/core/net/foreign-host.ts";

const PLAIN = { names: [], bind: "127.0.0.1", tls: false };
const NAMED = { ...PLAIN, names: ["api.example.com", "ctrl_api"] };

describe("T25 plain HTTP on a loopback address", () => {
  test.each([
    ["127.0.0.1"],
    ["127.0.0.1:7445"],
    ["[::1]:7445"],
    ["localhost"],
    ["LocalHost:8080"],
    ["10.0.0.5:7445"],
    ["localhost:"],
    [undefined],
  ])("answers to %s", (host) => {
    expect(foreignHost("/", host, PLAIN)).toBeUndefined();
  });

  test.each([
    ["evil.example"],
    ["evil.example:7445"],
    ["localhost.evil.example"],
    ["127.0.0.1.evil.example:80"],
    ["evil-localhost"],
    ["127.1"],
    ["0x7f000001"],
    ["user@127.0.0.1"],
    ["[::1].evil.example"],
    ["127.0.0.1:80:80"],
    [""],
  ])("not to %j", (host) => {
    expect(foreignHost("/", host, PLAIN)).toBe(host);
  });

  test.each([["127.0.0.1"], ["127.8.9.1"], ["::1"], ["::ffff:127.0.0.1"], ["0:0:0:0:0:0:0:1"]])(
    "%s is one",
    (bind) => {
      expect(foreignHost("/", "evil.example", { ...PLAIN, bind })).toBe("evil.example");
    },
  );

  test("the host of a whole URL counts, not the header's", () => {
    expect(foreignHost("http://evil.example/health", "127.0.0.1", PLAIN)).toBe("evil.example");
    expect(foreignHost("http://127.0.0.1/health", "evil.example", PLAIN)).toBeUndefined();
  });
});

test("api_hosts adds names, with any port, and holds with TLS and on any address", () => {
  for (const rule of [NAMED, { ...NAMED, tls: true }, { ...NAMED, bind: "0.0.0.0" }]) {
    expect(foreignHost("/", "API.example.com:443", rule)).toBeUndefined();
    expect(foreignHost("/", "ctrl_api", rule)).toBeUndefined();
    expect(foreignHost("/", "127.0.0.1", rule)).toBeUndefined();
    expect(foreignHost("/", "evil.example", rule)).toBe("evil.example");
  }
});

test("without it any name may, where the API has TLS or is open to the network", () => {
  expect(foreignHost("/", "evil.example", { ...PLAIN, tls: true })).toBeUndefined();
  expect(foreignHost("/", "evil.example", { ...PLAIN, bind: "0.0.0.0" })).toBeUndefined();
  expect(foreignHost("/", "evil.example", { ...PLAIN, bind: "::" })).toBeUndefined();
});
