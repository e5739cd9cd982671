import { expect, test } from "bun:test";
import { completedHosts, unquoted } from "../../../../src/cli/controller/completed-hosts.ts";

const NAMES = ["db-01", "web-01", "web-02"];

test.each<[string, string[]]>([
  ["", NAMES],
  ["we", ["web-01", "web-02"]],
  ["x", []],
  ["db-01,we", ["db-01,web-01", "db-01,web-02"]],
  ["'db-01 & we", ["db-01 & web-01", "db-01 & web-02"]],
  ["'@all!db", ["@all!db-01"]],
  ["'(we", ["(web-01", "(web-02"]],
  ["'(db-01,web-01)&", ["(db-01,web-01)&db-01", "(db-01,web-01)&web-01", "(db-01,web-01)&web-02"]],
  ["'(db-01)", []],
  ["@", ["@all", "@stale", "@expiring=", "@failed=", "@missed="]],
  ["web-01,@st", ["web-01,@stale"]],
  ["@failed=", ["@failed="]],
  ["@failed=0", []],
  ["web-[01,0", []],
  ["web-[01,02],d", ["web-[01,02],db-01"]],
])("%j goes on with %j", (typed, words) => {
  expect(completedHosts(typed, NAMES)).toEqual(words);
});

test("with other words that stand for hosts", () => {
  expect(completedHosts("db-01,@r", NAMES, ["@role=", "@rack="])).toEqual([
    "db-01,@role=",
    "db-01,@rack=",
  ]);
});

test.each([
  ["web-01", "web-01"],
  ["'web-*'", "web-*"],
  ["'web-*", "web-*"],
  ['"@all!x"', "@all!x"],
  ["web\\*\\ x", "web* x"],
  ["'", ""],
])("%j is %j without the shell's marks", (typed, text) => {
  expect(unquoted(typed)).toBe(text);
});
