/**
 * No circle of imports, in a room or across rooms, types included: a file of a circle cannot be read, tested
 * or moved without all the others. Nor between the folders of a room: then each of them needs the other, and the two
 * are one.
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

/** The folders of each room as one file each, which imports what their files import. */
function folders(sources: Sources): Sources {
  const found = new Map<string, string>();
  for (const file of sources.keys()) {
    const folder = folderOf(file);
    if (folder === undefined) continue;
    const targets = neighbours(file, sources).flatMap((target) => folderOf(target) ?? []);
    const others = targets.filter((target) => target !== folder);
    const imports = others.map((target) => {
      return `import "./${posix.relative(posix.dirname(folder), target)}";`;
    });
    found.set(folder, [found.get(folder) ?? "", ...imports].join("\n"));
  }
  return found;
}

/** `src/controller/upkeep` for every file in it, however deep; undefined for a file that is in a room's own folder. */
function folderOf(file: string): string | undefined {
  return /^src\/\w+\/[\w-]+(?=\/)/.exec(file)?.[0];
}

test("no file imports itself by way of others", () => {
  const sources = readSources();
  expect(sources.size, "there was something to check").toBeGreaterThan(100);
  expect(circleIn(sources)?.join(" -> ")).toBeUndefined();
});

test.each([
  ["a value", 'import { b } from "./b.ts"; b;', 'import { a } from "./a.ts"; a;'],
  ["a type", 'import type { B } from "./b.ts";', 'import { type A } from "./a.ts";'],
  ["a type in one line", 'f(); import type { B } from "./b.ts";', 'import { a } from "./a.ts"; a;'],
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

test("no folder of a room imports itself by way of others", () => {
  expect(circleIn(folders(readSources()))?.join(" -> ")).toBeUndefined();
});

test("a circle of folders is found without one of files", () => {
  const sources = new Map([
    ["src/agent/a/one.ts", 'import type { B } from "../b/one.ts";'],
    ["src/agent/a/two.ts", ""],
    ["src/agent/b/one.ts", ""],
    ["src/agent/b/deep/two.ts", 'import { a } from "../../a/two.ts"; a;'],
  ]);
  expect(circleIn(sources)).toBeUndefined();
  expect(circleIn(folders(sources))).toEqual(["src/agent/a", "src/agent/b", "src/agent/a"]);
  sources.set("src/agent/b/deep/two.ts", "");
  expect(circleIn(folders(sources))).toBeUndefined();
});
