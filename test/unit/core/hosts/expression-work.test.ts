/** What an expression costs before the hook has agreed (T67, T76). */
import { expect, test } from "bun:test";
import type { HostTerm } from "../../../../src/core/hosts/expression.ts";
import { boundWork, workOf } from "../../../../src/core/hosts/expression-work.ts";
import { parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";

function group(name: string, ...members: HostTerm[]): HostTerm {
  return { kind: "group", name, members };
}

test("names of node sets, and looks at the registry", () => {
  expect(workOf(parseHostExpression("a,web-[1-9],(x-*!@stale)"))).toEqual({
    ...{ nodes: 9, scans: 2 },
    compared: 10_000,
  });
});

test("each condition about tags is a look at the registry, and a host that is named is none", () => {
  const scans = (text: string) => workOf(parseHostExpression(text)).scans;
  expect(["a", "@env=test", "@role=db,env!=test", "@version<1.1", "w-*"].map(scans)).toEqual([
    0, 1, 2, 1, 1,
  ]);
});

test("T76 what a group has counts each time it is named, and so does its name for each host", () => {
  const web = group("web", parseHostExpression("web-[1-9],x-*"), parseHostExpression("a"));
  expect(workOf(web)).toEqual({ nodes: 11, scans: 1, compared: 0 });
  expect(workOf(web, group("both", web, web))).toEqual({ nodes: 35, scans: 3, compared: 0 });
});

test("T76 groups that double each other are counted without walking through them", () => {
  let doubled = group("0");
  for (let depth = 1; depth < 60; depth++) doubled = group(`${depth}`, doubled, doubled);
  const work = workOf(doubled);
  expect(work.nodes).toBe(2 ** 60 - 2);
  expect(() => boundWork(work)).toThrow(/node sets and groups stand for/);
});

test("the bound of each", () => {
  expect(() => boundWork({ nodes: 100_000, scans: 64, compared: 1_000_000 })).not.toThrow();
  expect(() => boundWork({ nodes: 100_001, scans: 0, compared: 0 })).toThrow(
    "at most 100000 can be named",
  );
  expect(() => boundWork({ nodes: 0, scans: 65, compared: 0 })).toThrow("at most 64 at once");
});

test("T76 each & and ! costs what stands before it, so that a short text cannot cost much", () => {
  const cost = (text: string) => workOf(parseHostExpression(text)).compared;
  expect(cost("n[1-99]!x!y&z")).toBe(297);
  expect(cost("@all!(a,b,c)")).toBe(10_000);
  expect(cost("(n[1-5]!a),n[1-5]!b")).toBe(15);
  const long = workOf(parseHostExpression(`n[1-99990]${"!x".repeat(11)}`));
  expect(() => boundWork(long)).toThrow("each & and ! looks at all hosts before it");
  expect(() => boundWork(workOf(parseHostExpression(`@all${"!x".repeat(100)}`)))).not.toThrow();
});
