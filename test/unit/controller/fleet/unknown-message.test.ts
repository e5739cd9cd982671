import { expect, test } from "bun:test";
import type { Unknown } from "../../../../src/controller/fleet/selector.ts";
import { unknownMessage } from "../../../../src/controller/fleet/unknown-message.ts";

const host = (name: string, group?: string): Unknown => ({ what: "host", name, group });
const END = ": nothing is registered under these names";

test("each is named with the group that names it, as it is typed", () => {
  const run: Unknown = { what: "run", name: "0123456789abcdef", group: undefined };
  const group: Unknown = { what: "group", name: "web servers", group: "all" };
  expect(unknownMessage([host("a", "web"), run, group])).toBe(
    `Cannot find host a of group @@web, run 0123456789abcdef, group @@"web servers" of group @@all${END}`,
  );
  expect(unknownMessage([host("a")])).toBe(
    "Cannot find host a: nothing is registered under that name",
  );
});

test("the hosts of a group are folded, and so are those that were typed", () => {
  const web = Array.from({ length: 19 }, (_, i) =>
    host(`web-${`${i + 2}`.padStart(2, "0")}`, "web"),
  );
  expect(unknownMessage([...web, host("db-1"), host("db-2")])).toBe(
    `Cannot find hosts web-[02-20] of group @@web, hosts db-[1-2]${END}`,
  );
});

test("what is too long to read is counted, and so are more than five groups", () => {
  const odd = Array.from({ length: 20_000 }, (_, i) => host(`n${2 * i + 1}`));
  const text = unknownMessage(odd, 10);
  expect(text.length).toBeLessThan(220);
  expect(text).toMatch(/^Cannot find hosts n\[1,3,5,[\d,]+\] and up to \d+ more: /);
  const [, shown = "", more = ""] = /\[(.+)\] and up to (\d+)/.exec(text) ?? [];
  expect(shown.split(",").length + Number(more)).toBe(20_010);
  const groups = Array.from({ length: 7 }, (_, i) => host("a", `g${i}`));
  expect(unknownMessage(groups)).toEndWith(`host a of group @@g4 and 2 more${END}`);
  expect(unknownMessage([host("x".repeat(250))])).toContain("x".repeat(250));
});
