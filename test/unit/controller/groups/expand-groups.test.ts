/** What stands in the place of a group. */
import { expect, test } from "bun:test";
import {
  type GroupDefinition,
  listedDefinition,
  readGroupExpression,
} from "../../../../src/controller/groups/definition.ts";
import { expandGroups } from "../../../../src/controller/groups/expand-groups.ts";
import { termsOf } from "../../../../src/core/hosts/expression.ts";
import { parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";

/** Names of hosts, and of groups that are not known, in order. */
function expanded(text: string, groups: Readonly<Record<string, readonly string[]>>): string {
  const find = (name: string): GroupDefinition | undefined => {
    const texts = groups[name];
    if (texts === undefined) return undefined;
    const members = texts.map(readGroupExpression);
    return { name, from: "file", where: "/x/g.toml", members: () => members };
  };
  const names = [...termsOf(expandGroups(parseHostExpression(text), find, "/etc/x y.conf"))].map(
    (term) => {
      if (term.kind === "host") return term.name;
      return term.kind === "group" ? `@@${term.name}` : term.kind;
    },
  );
  return names.join(" ");
}

test("its members, in all places, groups of groups too", () => {
  const groups = { web: ["a", "b,@@db"], db: ["c!d"], none: [] };
  expect(expanded("@@web", groups)).toBe("a b c d");
  expect(expanded("x,(@@db&@@none)!@@db", groups)).toBe("x c d c d");
});

test("one that is not known stays", () => {
  expect(expanded("@@web,x", {})).toBe("@@web x");
  expect(expanded("@@web", { web: ["@@other"] })).toBe("@@other");
});

test("a circle is refused, with the way round", () => {
  const groups = { a: ["@@b"], b: ["x,(@@c)"], c: ["@@b"], d: ["@@d"] };
  expect(() => expanded("@@a", groups)).toThrow(
    "Cannot use group @@b of /x/g.toml: it contains itself: @@b has @@c has @@b",
  );
  expect(() => expanded("@@d", groups)).toThrow(
    expect.objectContaining({
      code: "unusable",
      message: "Cannot use group @@d of /x/g.toml: it contains itself: @@d has @@d",
      hint: "See: ctrl-exec list-groups --config '/etc/x y.conf'",
      remoteMessage: "Cannot use group @@d: it contains itself: @@d has @@d",
      remoteHint: "The operator of the control host can correct it.",
    }),
  );
});

test("so are too many nested", () => {
  const chain = (length: number) =>
    Object.fromEntries(Array.from({ length }, (_, at) => [`${at}`, [`@@${at + 1}`]]));
  expect(expanded("@@0", chain(32))).toBe("@@32");
  expect(() => expanded("@@0", { ...chain(32), 32: ["a"] })).toThrow(
    "more than 32 levels of nested groups",
  );
});

test("T76 and groups that double each other, each looked up once", () => {
  const lists = Object.fromEntries(
    Array.from({ length: 22 }, (_, at) => [`${at}`, [`@@${at + 1}`, `@@${at + 1}`]]),
  );
  const lookups: string[] = [];
  const groups = new Proxy<Record<string, readonly string[]>>(
    { ...lists, 22: ["a"] },
    {
      get(target, name) {
        lookups.push(String(name));
        return target[String(name)];
      },
    },
  );
  expect(() => expanded("@@0", groups)).toThrow("at most 100000 can be named");
  // One by one, they would be four million.
  expect(lookups).toEqual(Array.from({ length: 23 }, (_, at) => `${at}`));
});

test("of group_command, only a group with something that cannot be read is refused, each time", () => {
  const listed = { expressions: ["my_host"], hosts: [], children: [] };
  const bad = listedDefinition("web", "group_command", listed);
  for (let time = 0; time < 2; time++) {
    expect(() => bad.members()).toThrow(
      'Cannot use group @@web of group_command: "my_host" is not a host',
    );
  }
  const inventory = { ...listed, expressions: [], hosts: ["my_host", "web-01"] };
  const some = listedDefinition("web", "group_command", inventory);
  expect(some.members()).toEqual([{ kind: "host", name: "web-01", port: undefined }]);
  expect(some.impossible?.()).toEqual(["my_host"]);
  const runs = { ...listed, expressions: ["@missed=a1b2c3d4e5f60718"] };
  expect(() => listedDefinition("web", "group_command", runs).members()).toThrow("@missed");
  const many = { ...listed, expressions: [], hosts: Array.from({ length: 100_001 }, () => "a") };
  expect(() => listedDefinition("web", "group_command", many).members()).toThrow("at most 100000");
});

test("one that lists as many as may be named is read, once, whatever they are", () => {
  const names = (count: number) => Array.from({ length: count }, () => "a");
  const listed = { expressions: names(9), hosts: names(90), children: names(99_901) };
  const all = listedDefinition("web", "group_command", listed);
  expect(all.members()).toHaveLength(100_000);
  expect(all.members()).toBe(all.members());
  for (const what of ["expressions", "hosts", "children"] as const) {
    const more = { ...listed, [what]: [...listed[what], "a"] };
    expect(() => listedDefinition("web", "x", more).members()).toThrow("it lists 100001; at most");
  }
});
