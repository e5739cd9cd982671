/** docs/CONFIGURATION.md names every variable of the environment that the programs read. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, readDocument } from "../support/documents.ts";

/** What is only passed on, or taken away before anybody reads it. */
const NOT_READ = new Set([
  ...["PATH", "HOME", "LANG"],
  ...["NODE_TLS_REJECT_UNAUTHORIZED", "NODE_EXTRA_CA_CERTS"],
]);

function namesIn(source: string): string[] {
  const found = [
    // env.NAME, and { NAME } of an environment
    ...source.matchAll(/\benv\.([A-Z_]+)\b/g),
    ...source.matchAll(/\{ ([A-Z_]+(?:, [A-Z_]+)*) \}(?:: Environment| = io\.env)/g),
    // A variable's name in a constant whose name says so.
    ...source.matchAll(/\b[A-Z_]*VARIABLES? = \[?((?:"[A-Z_]+"(?:, )?)+)/g),
  ];
  return found.flatMap(([, names = ""]) => names.match(/[A-Z_]+/g) ?? []);
}

test("the table has what the sources read, and tmpdir()'s variable", () => {
  const read = new Set(["TMPDIR"]);
  for (const file of new Bun.Glob("src/**/*.ts").scanSync({ cwd: ROOT })) {
    for (const name of namesIn(readFileSync(join(ROOT, file), "utf8"))) read.add(name);
  }
  for (const name of NOT_READ) read.delete(name);
  const [, section = ""] = readDocument("docs/CONFIGURATION.md").split("## The environment");
  const rows = section.split("\n## ")[0]?.match(/^\| `.*?` \|/gm) ?? [];
  const documented = rows.flatMap((row) => row.match(/[A-Z_]{2,}/g) ?? []);
  expect(documented.sort()).toEqual([...read].sort());
});
