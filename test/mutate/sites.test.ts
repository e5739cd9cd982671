/** Which changes are found in a source, and that only those are tried that compile. */
import { expect, test } from "bun:test";
import { TestFolder } from "../support/folder.ts";
import { apply, type Change } from "./change.ts";
import { Compiler } from "./compiler.ts";

const FILE = "src/a.ts";
/** No more of the library than the sources here need: the compiler reads it anew for each. */
const OPTIONS = { strict: true, types: [], lib: ["ES2015"], noEmit: true };

function folderWith(source: string): TestFolder {
  const folder = new TestFolder();
  folder.write("tsconfig.json", JSON.stringify({ compilerOptions: OPTIONS }));
  folder.write(FILE, source);
  return folder;
}

/** What a person would read of each change, by the source that it is made in. */
async function tried(source: string): Promise<string[]> {
  using folder = folderWith(source);
  await using compiler = new Compiler(folder.path);
  const sites = await compiler.sites(FILE);
  const found: string[] = [];
  for (const change of sites.flatMap(({ changes }) => changes)) {
    if (await compiler.compiles(source, change)) found.push(apply(source, change));
  }
  return found;
}

test.each([
  ["a comparison", "a < b", ["a <= b", "a >= b"]],
  ["an equality", "a === b", ["a !== b"]],
  ["a boundary", "a > 1", ["a >= 1", "a <= 1", "a > (1 + 1)"]],
  ["and", "on && off", ["on || off"]],
  ["not", "!on", ["on"]],
  ["a choice", "on ? off : !off", ["off", "!off", "on ? off : off"]],
  ["a boolean", "on === true", ["on !== true", "on === false"]],
  ["a sum", "a + b", ["a - b"]],
  ["a text, which has no difference", "s + s", []],
])("changes %s", async (_, expression, expected) => {
  const head = "declare const a: number, b: number, on: boolean, off: boolean, s: string;\nexport ";
  const changed = await tried(`${head}const x = ${expression};`);
  expect(changed).toEqual(expected.map((one) => `${head}const x = ${one};`));
});

test.each([
  ["a condition", "if (on) x = 1;", ["if (true) x = 1;", "if (false) x = 1;"]],
  ["a call made for its effect", "act();", [";"]],
  ["an awaited call", "await later();", [";"]],
  ["a throw", 'throw new Error("no");', [";"]],
  ["a count", "x++;", ["x--;"]],
  ["an assignment", "x = 2;", []],
])("changes %s", async (_, statement, expected) => {
  const head =
    "declare const on: boolean;\ndeclare function act(): void;\ndeclare function later(): Promise<void>;\nlet x = 0;\n";
  const changed = await tried(`${head}${statement}\nexport {};`);
  expect(changed).toEqual(expected.map((one) => `${head}${one}\nexport {};`));
});

test("changes what a function returns into what its type allows", async () => {
  expect(await tried("export const f = (a: number): boolean => a in [];")).toEqual([
    "export const f = (a: number): boolean => true;",
    "export const f = (a: number): boolean => false;",
  ]);
  expect(await tried("export function f(s: string): string { return s; }")).toEqual([
    'export function f(s: string): string { return ""; }',
  ]);
});

test("leaves types alone", async () => {
  expect(await tried("export type Yes = true | 1;\nexport interface I { a?: false }")).toEqual([]);
});

test("says where a change is, and what it was", async () => {
  using folder = folderWith("declare const a: number;\n\nexport const x = a  <  2;\n");
  await using compiler = new Compiler(folder.path);
  const [first] = await compiler.sites(FILE);
  expect(first?.changes[0]).toMatchObject({
    file: FILE,
    line: 3,
    column: 21,
    before: "a  <  2",
    after: "a  <=  2",
  } satisfies Partial<Change>);
});
