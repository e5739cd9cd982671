/** Which test files carry a threat's number, for the last column of docs/SECURITY.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Number (`T07`) to test files below the root. */
export async function threatTests(root: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const files = await Array.fromAsync(new Bun.Glob("test/**/*.test.ts").scan({ cwd: root }));
  for (const file of files.sort()) {
    for (const number of numbersIn(readFileSync(join(root, file), "utf8"))) {
      found.set(number, [...(found.get(number) ?? []), file]);
    }
  }
  return found;
}

/** The numbers at the beginning of test and group names. */
function numbersIn(source: string): Set<string> {
  const names = source.matchAll(
    /\b(?:test|describe)(?:\.each\([\s\S]*?\))?\(\s*["'`]((?:T\d\d[ ,:]+(?:and )?)+)/g,
  );
  return new Set([...names].flatMap(([, numbers = ""]) => numbers.match(/T\d\d/g) ?? []));
}

/** The lines of the table, with the last cell filled in. */
export function fillTests(document: string, tests: ReadonlyMap<string, readonly string[]>): string {
  return document.replace(/^(\| (T\d\d) \|.*\|)[^|\n]*\|$/gm, (_, row: string, number: string) => {
    const files = (tests.get(number) ?? []).map((file) => `\`${file.replace("test/", "")}\``);
    return `${row} ${files.join(", ")} |`;
  });
}
