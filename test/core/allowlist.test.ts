import { describe, expect, test } from "bun:test";
import { isScriptName, parseAllowlist } from "../../src/core/allowlist.ts";

function listed(text: string): Record<string, string> {
  return Object.fromEntries(
    [...parseAllowlist(text).scripts].map(([name, { path }]) => [name, path]),
  );
}

test("names and paths, comments and blank lines", () => {
  const text = "\ufeff# scripts\r\n\r\nbackup-db = /opt/s/backup.sh\r\n  two_2=/opt/s/t o.sh  \n";
  expect(listed(text)).toEqual({ "backup-db": "/opt/s/backup.sh", two_2: "/opt/s/t o.sh" });
  expect(parseAllowlist(text).warnings).toEqual([]);
});

describe("a bad line is skipped with a warning, and the others stay", () => {
  test.each([
    ["no =", "nonsense"],
    ["a relative path", "x = scripts/x.sh"],
    ["a path that climbs from nowhere", "x = ../x.sh"],
    ["no path", "x ="],
    ["no name", "= /x.sh"],
    ["a name with a slash", "a/b = /x.sh"],
    ["a name with a space", "a b = /x.sh"],
    ["a name with a dot", "a.sh = /x.sh"],
    ["a name that is not ASCII", "ä = /x.sh"],
    ["a name of 129", `${"a".repeat(129)} = /x.sh`],
    ["NUL in the path", "x = /x\0.sh"],
  ])("%s", (_, line) => {
    const { scripts, warnings } = parseAllowlist(`a = /a.sh\n${line}\nz = /z.sh\n`);
    expect([...scripts.keys()]).toEqual(["a", "z"]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toStartWith("line 2 skipped: ");
  });

  test("a name twice: the first stays", () => {
    const { scripts, warnings } = parseAllowlist("a = /first.sh\na = /second.sh\n");
    expect(scripts.get("a")?.path).toBe("/first.sh");
    expect(warnings[0]?.message).toContain("line 2 skipped: a is already listed");
  });
});

test("names that every object has are listed only when they are", () => {
  expect(parseAllowlist("a = /a.sh").scripts.get("constructor")).toBeUndefined();
  expect(parseAllowlist("constructor = /c.sh").scripts.get("constructor")?.path).toBe("/c.sh");
});

test.each([
  ["backup-db_2", true],
  ["-rf", true],
  ["", false],
  ["a\n", false],
  ["../a", false],
  ["a;b", false],
  ["a".repeat(128), true],
])("%j is a script name: %p", (name, is) => {
  expect(isScriptName(name)).toBe(is);
});
