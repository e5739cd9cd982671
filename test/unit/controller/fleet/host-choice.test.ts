/** What a request says about its hosts: names alone, or an expression. */
import { expect, test } from "bun:test";
import {
  type HostChoice,
  readHostChoice,
  readHostExpression,
} from "../../../../src/controller/fleet/host-choice.ts";

const choice = (hosts: readonly string[], more: Partial<HostChoice> = {}): HostChoice => ({
  hosts,
  port: undefined,
  ...more,
});
const host = (name: string, port?: number) => ({ kind: "host", name, port }) as const;

test("names alone are targets, with the call's port, each once and not too many", () => {
  const read = (hosts: readonly string[]) => readHostChoice(choice(hosts, { port: 7450 }), 2);
  expect(read([" web-01", "db-01:80 "])).toEqual({
    kind: "targets",
    targets: [
      { name: "web-01", port: 7450 },
      { name: "db-01", port: 80 },
    ],
  });
  expect(() => read(["web-01", "web-01"])).toThrow("web-01 is given twice");
  expect(() => read(["a", "b", "c"])).toThrow("3 hosts given; at most 2 at once");
  expect(() => read([])).toThrow("no host given");
});

test.each<[string, readonly string[], Partial<HostChoice>]>([
  ["one that is more than a name", ["web-01", "db-*"], {}],
  ["several in one", ["web-01,db-01"], {}],
  ["a name that may come twice", ["web-01", "web-01"], { mayRepeat: true }],
  ["some that are left out", ["web-01"], { except: ["db-01"] }],
  ["a sample", ["web-01"], { limit: { hosts: 1 } }],
])("an expression: %s", (_, hosts, more) => {
  expect(readHostChoice(choice(hosts, more), 1).kind).toBe("expression");
});

test("all that is wanted, and then without all that is not", () => {
  const first = { kind: "expression", first: host("a"), steps: [] } as const;
  const second = { kind: "expression", first: host("b"), steps: [] } as const;
  const both = {
    kind: "expression",
    first,
    steps: [{ operator: "union", term: second }],
  } as const;
  expect(readHostExpression(choice(["a", "b"]))).toEqual({
    kind: "expression",
    first: both,
    steps: [],
  });
  expect(readHostExpression(choice(["a"], { except: ["a", "b"] }))).toEqual({
    kind: "expression",
    first: { kind: "expression", first, steps: [] },
    steps: [{ operator: "without", term: both }],
  });
});

test("T76 what costs too much is refused", () => {
  const wide = choice(["n[1-60000]"], { except: ["n[1-60000]"] });
  expect(() => readHostChoice(wide, 10)).toThrow("stand for 120000 hosts; at most 100000");
});
