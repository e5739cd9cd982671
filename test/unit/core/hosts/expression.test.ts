import { expect, test } from "bun:test";
import { type HostTerm, hasRun, termsOf, unionOf } from "../../../../src/core/hosts/expression.ts";

const host = (name: string) => ({ kind: "host", name, port: undefined }) as const;

test("a union of terms is all of them, and of none is nobody", () => {
  expect(unionOf([host("a"), host("b"), host("c")])).toEqual({
    kind: "expression",
    first: host("a"),
    steps: [
      { operator: "union", term: host("b") },
      { operator: "union", term: host("c") },
    ],
  });
  const nobody = { kind: "glob", patterns: [], port: undefined } as const;
  expect(unionOf([])).toEqual({ kind: "expression", first: nobody, steps: [] });
});

test("what is answered from a run's record names a run", () => {
  const reqid = "0123456789abcdef";
  const terms: HostTerm[] = [{ kind: "failed", reqid }, { kind: "missed", reqid }, host("a")];
  expect(terms.map(hasRun)).toEqual([true, true, false]);
});

test("of a group that was looked up its members are gone through, otherwise the group itself", () => {
  const known: HostTerm = {
    kind: "group",
    name: "web",
    members: [host("a"), unionOf([host("b")])],
  };
  const unknown = { kind: "group", name: "db" } as const;
  expect([...termsOf(unionOf([known, unknown, host("c")]))]).toEqual([
    host("a"),
    host("b"),
    unknown,
    host("c"),
  ]);
});
