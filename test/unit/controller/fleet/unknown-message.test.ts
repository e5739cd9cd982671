import { expect, test } from "bun:test";
import type { Unknown } from "../../../../src/controller/fleet/selector.ts";
import { unknownMessage } from "../../../../src/controller/fleet/unknown-message.ts";

const host = (name: string, group?: string): Unknown => ({ what: "host", name, group });
const END = ": nothing is registered under that name";

test("each is named with the group that names it, as it is typed", () => {
  const run: Unknown = { what: "run", name: "0123456789abcdef", group: undefined };
  const group: Unknown = { what: "group", name: "web servers", group: "all" };
  expect(unknownMessage([host("a", "web"), run, group])).toBe(
    `Cannot find host a of group @@web, run 0123456789abcdef, group @@"web servers" of group @@all${END}`,
  );
});

test("five are named, and more are counted", () => {
  const hosts = ["a", "b", "c", "d", "e", "f", "g"].map((name) => host(name));
  const five = "Cannot find host a, host b, host c, host d, host e";
  expect(unknownMessage(hosts.slice(0, 5))).toBe(five + END);
  expect(unknownMessage(hosts)).toBe(`${five} and 2 more${END}`);
  expect(unknownMessage(hosts, 10)).toBe(`${five} and up to 12 more${END}`);
});
