/** Who looks for the tests of a file, or for the file that a test is about, finds it by its name. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";

const ROOT = join(import.meta.dir, "../..");

function pathsIn(folder: string): string[] {
  return [...new Glob("**/*.ts").scanSync(join(ROOT, folder))];
}

/** Files without their ending, and the folders that they are in: `core/wire/frames`, `core/wire`, `core`. */
function namesOf(files: readonly string[]): ReadonlySet<string> {
  const names = files.map((file) => file.replace(/\.[a-z.]+$/, ""));
  return new Set(names.flatMap((name) => foldersOf(name).concat(name)));
}

function foldersOf(name: string): string[] {
  const parts = name.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** Whether the test has the name of a source or its folder, alone or with further words: `renewal-five-years`. */
function isNamedAfter(sources: ReadonlySet<string>, file: string): boolean {
  const words = file.replace(/\.test\.ts$/, "").split("-");
  return words.some((_, index) => sources.has(words.slice(0, index + 1).join("-")));
}

test("the path of each unit test begins with that of the file or folder of src that it tests", () => {
  const support = pathsIn("test/support").map((file) => `support/${file}`);
  const sources = namesOf([...pathsIn("src"), ...support]);
  const tests = pathsIn("test/unit").filter((file) => file.endsWith(".test.ts"));
  expect(tests.length, "there was something to check").toBeGreaterThan(400);
  expect(tests.filter((file) => !isNamedAfter(sources, file))).toEqual([]);
});

test.each([
  ["core/time.test.ts", true],
  ["core/time-of-day.test.ts", true],
  ["core/wire.test.ts", true],
  ["core/timely.test.ts", false],
  ["core/day-of-time.test.ts", false],
  ["time.test.ts", false],
  ["core/wire/time.test.ts", false],
])("%s: %p", (file, expected) => {
  const sources = namesOf(["core/time.ts", "core/wire/frames.ts"]);
  expect(isNamedAfter(sources, file)).toBe(expected);
});
