/** Which tests are run for a file, and which come first. */
import { expect, test } from "bun:test";
import { Vocabulary } from "./likeness.ts";
import { Imports } from "./reach.ts";

const SOURCES = new Map([
  ["src/core/a.ts", "export const a = 1;"],
  ["src/core/b.ts", 'import { a } from "./a.ts"; export const b = a;'],
  ["src/system/c.ts", 'export const c = async () => (await import("../core/b.ts")).b;'],
  ["test/unit/core/a.test.ts", 'import { a } from "../../../src/core/a.ts"; void a;'],
  ["test/unit/core/b.test.ts", 'import { b } from "../../../src/core/b.ts"; void b;'],
  ["test/unit/system/c.test.ts", 'import { run } from "../../support/run.ts"; run();'],
  ["test/unit/system/d.test.ts", 'const program = source("c.ts");'],
  ["test/unit/system/e.test.ts", 'const program = load("src/system/c.ts");'],
  ["test/support/run.ts", 'export const run = () => join(dir, "../../src/system/c.ts");'],
  ["test/unit/core/other.test.ts", 'import type { a } from "../../../src/core/a.ts";'],
]);

test("a test reaches what it imports, at any distance, also as a program that it starts", () => {
  const imports = new Imports(SOURCES);
  expect(Object.fromEntries(imports.testsOf("src/core/a.ts"))).toEqual({
    "test/unit/core/a.test.ts": 1,
    "test/unit/core/b.test.ts": 2,
    "test/unit/system/c.test.ts": 4,
    "test/unit/system/d.test.ts": 3,
    "test/unit/system/e.test.ts": 3,
  });
});

test("a type alone reaches nothing", () => {
  expect([...new Imports(SOURCES).testsOf("src/core/a.ts").keys()]).not.toContain(
    "test/unit/core/other.test.ts",
  );
});

test("the likest test comes first, whatever its length and its common words", () => {
  const common = "import expect test describe ";
  const tests = new Vocabulary(
    new Map([
      ["long", common + Array.from({ length: 500 }, (_, n) => `word${n}`).join(" ")],
      ["pairing", `${common} pairing code confirm`],
      ["pace", `${common} a reader that keeps the pace`],
    ]),
  );
  expect(tests.ranked(`${common} readPace word1`, "")[0]).toBe("pace");
  expect(tests.ranked(`${common} PAIRING`, "")[0]).toBe("pairing");
  expect(tests.ranked(`${common} readPace PAIRING`, "pairing()")[0]).toBe("pairing");
});
