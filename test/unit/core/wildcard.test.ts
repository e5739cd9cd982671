import { describe, expect, test } from "bun:test";
import { matchesWildcard, wildcardsMeet } from "../../../src/core/wildcard.ts";

describe("a pattern matches", () => {
  test.each([
    ["*", "", true],
    ["", "", true],
    ["", "a", false],
    ["web-*", "web-01", true],
    ["web-*", "web-", true],
    ["web-*", "web", false],
    ["*-01", "web-01", true],
    ["*-01", "web-01-01", true],
    ["*-01", "web-012", false],
    ["web-??", "web-01", true],
    ["web-??", "web-1", false],
    ["*a*b*", "xxaxxbxx", true],
    ["*a*b*", "xxbxxaxx", false],
    ["web.*", "web-01", false],
    ["**", "x", true],
    ["[a]", "a", false],
  ])("%p %p", (pattern, text, matches) => {
    expect(matchesWildcard(pattern, text)).toBe(matches);
  });
});

describe("two patterns have a text in common", () => {
  test.each([
    ["web-*", "*", true],
    ["web-*", "*-01", true],
    ["web-*", "db-*", false],
    ["web-0?", "web-?1", true],
    ["web-0?", "web-1?", false],
    ["web-*", "we", false],
    ["*", "", true],
    ["?", "", false],
    ["?*", "*?", true],
    ["a*b", "*c", false],
    ["a*b", "a*c*b", true],
    ["web-01", "web-01", true],
    ["web-01", "web-02", false],
  ])("%p %p", (a, b, meet) => {
    expect([wildcardsMeet(a, b), wildcardsMeet(b, a)]).toEqual([meet, meet]);
  });

  test("as trying every short text says", () => {
    const texts = [
      "",
      ...["a", "b"].flatMap((x) => [x, `${x}a`, `${x}b`, `${x}aa`, `${x}ab`, `${x}ba`, `${x}bb`]),
    ];
    const patterns = [
      "a",
      "b",
      "*",
      "?",
      "a*",
      "*a",
      "?b",
      "a?",
      "*b*",
      "b*a",
      "ab",
      "a*b",
      "**",
      "",
    ];
    for (const a of patterns) {
      for (const b of patterns) {
        const both = texts.some((text) => matchesWildcard(a, text) && matchesWildcard(b, text));
        expect([a, b, wildcardsMeet(a, b)]).toEqual([a, b, both]);
      }
    }
  });
});

test("T61 patterns that make others run away are judged at once", () => {
  const pattern = `${"*a".repeat(120)}*b`;
  const start = performance.now();
  expect(matchesWildcard(pattern, "a".repeat(253))).toBe(false);
  expect(wildcardsMeet(pattern, `${"a*".repeat(120)}c`)).toBe(false);
  expect(performance.now() - start).toBeLessThan(500);
});
