/** What a person is told when nobody matches: whose version nobody knows, and which group has nobody in it. */
import { expect, test } from "bun:test";
import type { HostFacts } from "../../../../src/controller/fleet/host-facts.ts";
import { emptyGroup, unknownVersions } from "../../../../src/controller/fleet/nobody-hints.ts";
import type { Inventory } from "../../../../src/controller/fleet/selector.ts";
import type { GroupTerm, HostExpression } from "../../../../src/core/hosts/expression.ts";
import { parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";
import { parseVersion } from "../../../../src/core/version-order.ts";

/** Of each host, what it has told. */
function inventory(versions: Readonly<Record<string, string | undefined>>): Inventory {
  const factsOf = (host: string): HostFacts => {
    const told = versions[host];
    const version = told === undefined ? undefined : parseVersion(told);
    const none = { stale: false, secondsLeft: undefined, tag: () => undefined, tags: () => [] };
    return { ...none, version, tagsKnown: true };
  };
  const names = Object.keys(versions);
  const registeredAs = (name: string) => names.filter((each) => each === name);
  return { names, factsOf, registeredAs, runs: new Map() };
}

test.each([
  [{ a: undefined, b: undefined }, "No host has reported its version"],
  [{ a: "1.0", b: undefined }, "The version of one host is not known"],
  [{ a: "1.0", b: undefined, c: undefined }, "The versions of 2 hosts are not known"],
  [{ a: "1.0" }, undefined],
])("of %j", (versions, told) => {
  const asked = (text: string) => unknownVersions(parseHostExpression(text), inventory(versions));
  expect(asked("@all!@version>=1.1")).toBe(told);
  expect(asked("@stale")).toBeUndefined();
});

const group = (name: string, ...members: readonly string[]): GroupTerm => ({
  ...{ kind: "group", name, members: members.map(parseHostExpression), from: "file" },
});

test("the first group that nobody is in is named, also one in parentheses", () => {
  const hosts = inventory({ a: "1.0" });
  const of = (first: HostExpression["first"], ...others: readonly HostExpression["first"][]) =>
    emptyGroup(
      {
        ...{ kind: "expression", first },
        steps: others.map((term) => ({ operator: "union", term })),
      },
      hosts,
    );
  expect(of(group("full", "a"), group("void", "b-*"), group("other"))).toBe("void");
  expect(of({ kind: "expression", first: group("inner"), steps: [] })).toBe("inner");
  expect(of(group("full", "a"))).toBeUndefined();
});
