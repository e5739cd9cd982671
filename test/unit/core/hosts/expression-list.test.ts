import { expect, test } from "bun:test";
import { listedExpressions } from "../../../../src/core/hosts/expression-list.ts";

test.each<[string, string[]]>([
  ["", []],
  ["\n \t\r\n# nobody\n  # nobody", []],
  ["web-01\nweb-02\r\n\n  db-01  ", ["web-01", "web-02", "db-01"]],
  ["web-01 web-02\tdb-01", ["web-01", "web-02", "db-01"]],
  ["web-01 # the first\nweb-02#2", ["web-01", "web-02#2"]],
  ["web-01, web-02 db-01", ["web-01, web-02", "db-01"]],
  ["@all ! db-01 & web-*", ["@all ! db-01 & web-*"]],
  ["a (b , c) d", ["a", "(b , c)", "d"]],
  ["web-[1, 2] x", ["web-[1, 2]", "x"]],
  ["web-] x", ["web-]", "x"]],
  [`@env="a b" x`, [`@env="a b"`, "x"]],
  ["@env='a # b',c x", ["@env='a # b',c", "x"]],
  [`@env="a, b`, [`@env="a, b`]],
  ["web-01,\nweb-02", ["web-01,", "web-02"]],
])("%j lists %j", (text, listed) => {
  expect(listedExpressions(text).map((each) => each.text)).toEqual(listed);
});

test("each has its line", () => {
  expect(listedExpressions("# fleet\nweb-01 web-02\n\ndb-01\n")).toEqual([
    { text: "web-01", line: 2 },
    { text: "web-02", line: 2 },
    { text: "db-01", line: 4 },
  ]);
});

test("the time that it takes is in proportion to its length", () => {
  const begun = performance.now();
  expect(listedExpressions("a, ".repeat(100_000))).toHaveLength(1);
  expect(performance.now() - begun).toBeLessThan(2_000);
});
