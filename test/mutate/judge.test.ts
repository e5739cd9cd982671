/** Changes to a small project of real files, judged by its real tests. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { TestFolder } from "../support/folder.ts";
import type { Change } from "./change.ts";
import { Judge, type Verdict } from "./judge.ts";
import { Vocabulary } from "./likeness.ts";
import { Imports } from "./reach.ts";
import { report } from "./report.ts";
import { Tree } from "./tree.ts";

const LIMIT = "export const within = (n: number) => n < 10;\n";
const SOURCES = new Map([
  ["src/limit.ts", LIMIT],
  ["test/limit.test.ts", testOf("expect(within(3)).toBe(true); expect(within(30)).toBe(false)")],
  ["test/broken.test.ts", testOf("expect(within(3)).toBe(3 as never)")],
  ["test/end-to-end/zero.test.ts", testOf("expect(within(0)).toBe(within(-5))")],
]);

function testOf(body: string): string {
  return `import { expect, test } from "bun:test";
import { within } from "${body.includes("within(0)") ? "../" : ""}../src/limit.ts";
test("it", () => { ${body}; });
`;
}

function change(before: string, after: string): Change {
  const start = LIMIT.indexOf(before);
  const end = start + before.length;
  const at = { file: "src/limit.ts", line: 1, column: start + 1, start, end };
  return { ...at, replacement: after, before, after };
}

const warned: string[] = [];

async function judged(...changes: readonly Change[]) {
  using checkout = new TestFolder();
  checkout.write("Makefile", "build:\n\t@:\n");
  for (const [file, text] of SOURCES) checkout.write(file, text);
  for (const folder of ["node_modules", ".tools"]) mkdirSync(checkout.join(folder));
  using unchanged = new Tree(checkout.path);
  using changed = new Tree(checkout.path);
  const tests = (ofCli: boolean) =>
    new Vocabulary(
      new Map([...SOURCES].filter(([file]) => file.startsWith("test/end-to-end/") === ofCli)),
    );
  const judge = new Judge(
    { unchanged, changed },
    { imports: new Imports(SOURCES), unit: tests(false), cli: tests(true) },
    {
      unitMs: 60_000,
      cliMs: 60_000,
      now: () => performance.now(),
      warn: (line) => warned.push(line),
    },
  );
  const verdicts: Verdict[] = [];
  for (const one of changes) verdicts.push(await judge.judge(one));
  expect(changed.read("src/limit.ts")).toBe(LIMIT);
  return verdicts;
}

test("a change is noticed by the first test that fails with it and passes without", async () => {
  const verdicts = await judged(
    change("n < 10", "n > 10"),
    change("n < 10", "n !== 0 && n < 10"),
    change("n < 10", "n <= 10"),
  );
  expect(verdicts.map(({ noticedBy }) => noticedBy)).toEqual([
    "test/limit.test.ts",
    "test/end-to-end/zero.test.ts",
    undefined,
  ]);
  expect(report(verdicts, 2)).toBe(`src/limit.ts:1:38  nobody, 2 of 3 test files
  - n < 10
  + n <= 10

3 changes, 2 noticed (66.7 %), 1 not
2 more did not compile and were passed over`);
  expect(warned).toEqual(["test/broken.test.ts fails without any change, and is left out"]);
});
