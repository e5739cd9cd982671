/**
 * No circle of imports, in a room or across rooms, types included: a file of a circle cannot be read, tested
 * or moved without all the others.
 */
import { expect, test } from "bun:test";
import { posix } from "node:path";
import { importsOf, readSources, type Sources } from "./sources.ts";

/** A circle that the files are part of, as the path from a file back to itself; undefined when there is none. */
function circleIn(sources: Sources): readonly string[] | undefined {
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): readonly string[] | undefined => {
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    if (done.has(file)) return undefined;
    for (const next of neighbours(file, sources)) {
      const circle = walk(next, [...path, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of sources.keys()) {
    const circle = walk(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

function neighbours(file: string, sources: Sources): string[] {
  return [...importsOf(sources.get(file) ?? "")]
    .filter((wanted) => wanted.startsWith("."))
    .map((wanted) => posix.join(posix.dirname(file), wanted))
    .filter((target) => sources.has(target));
}

test("no file imports itself by way of others", () => {
  const sources = readSources();
  expect(sources.size, "there was something to check").toBeGreaterThan(100);
  expect(circleIn(sources)?.join(" -> ")).toBeUndefined();
});

test.each([
  ["a value", 'import { b } from "./b.ts"; b;', 'import { a } from "./a.ts"; a;'],
  ["a type", 'import type { B } from "./b.ts";', 'import { type A } from "./a.ts";'],
  ["a late import", 'const b = await import("./b.ts"); b;', 'export type { A } from "./a.ts";'],
])("a circle is found through %s", (_, a, b) => {
  const sources = new Map([
    ["src/core/first.ts", 'import { a } from "./a.ts"; a;'],
    ["src/core/a.ts", a],
    ["src/core/b.ts", b],
  ]);
  const circle = ["src/core/a.ts", "src/core/b.ts", "src/core/a.ts"];
  expect(circleIn(sources)).toEqual(circle);
  sources.set("src/core/b.ts", "");
  expect(circleIn(sources)).toBeUndefined();
});
