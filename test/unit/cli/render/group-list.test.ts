/** The table of list-groups, on screens of any width. */
import { expect, test } from "bun:test";
import { groupTable } from "../../../../src/cli/render/group-list.ts";
import type { ShownGroup } from "../../../../src/controller/groups/list-groups.ts";

function group(name: string, hosts: readonly string[], more: Partial<ShownGroup> = {}): ShownGroup {
  return {
    name,
    from: "file",
    where: "/etc/x/groups.d/fleet.toml",
    hosts,
    problem: undefined,
    ...more,
  };
}

const numbered = (count: number, step: number) =>
  Array.from({ length: count }, (_, at) => `web-${at * step + 10}`);

const GROUPS = [
  group("frontends", numbered(20, 1)),
  group("odd", numbered(20, 2), { from: "command", where: "group_command" }),
  group("many", numbered(200, 3)),
  group("broken", [], { problem: "it contains itself" }),
];

function lines(columns: number | undefined): string[] {
  return groupTable(GROUPS, columns).text.trimEnd().split("\n");
}

test("80 columns: hosts are wrapped beside their row, and cut", () => {
  expect(lines(80)).toEqual([
    "GROUP      FROM           COUNT  HOSTS",
    "---------  -------------  -----  -----------------------------------------------",
    "frontends  fleet.toml     20     web-[10-29]",
    "odd        group_command  20     web-[10,12,14,16,18,20,22,24,26,28,30,32,34,36,",
    "                                 38,40,42,44,46,48]",
    "many       fleet.toml     200    web-[10,13,16,19,22,25,28,31,34,37,40,43,46,49,",
    "                                 52,55,58,61,64,67,70,73,76,79,82,85,88,91,94,",
    "                                 ...",
    "broken     fleet.toml     0?",
  ]);
  expect(groupTable(GROUPS, 80).isCut).toBe(true);
});

test("40 columns: hosts stand below their row", () => {
  expect(lines(40)).toEqual([
    "GROUP      FROM           COUNT",
    "---------  -------------  -----",
    "frontends  fleet.toml     20",
    "  web-[10-29]",
    "odd        group_command  20",
    "  web-[10,12,14,16,18,20,22,24,26,28,30,",
    "  32,34,36,38,40,42,44,46,48]",
    "many       fleet.toml     200",
    "  web-[10,13,16,19,22,25,28,31,34,37,40,",
    "  43,46,49,52,55,58,61,64,67,70,73,76,",
    "  ...",
    "broken     fleet.toml     0?",
  ]);
});

test.each([80, 60, 56, 40])("no line is wider than %i columns", (columns) => {
  for (const line of lines(columns)) expect(line.length).toBeLessThanOrEqual(columns);
});

test("--wide: a row is a line, with the whole path and every host", () => {
  const wide = lines(undefined);
  expect(wide).toHaveLength(6);
  expect(wide[4]).toStartWith("many       /etc/x/groups.d/fleet.toml  200    web-[10,13,");
  expect(wide[4]).toEndWith(",607]");
  expect(groupTable(GROUPS, undefined).isCut).toBe(false);
});

test("nothing that a terminal would obey", () => {
  const { text } = groupTable([group("a", [], { where: "/x/\u001b[2J\nb.toml" })], 80);
  expect(text).toContain("^[[2J b.toml");
});
