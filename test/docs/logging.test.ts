/** docs/LOGGING.md has every event that the programs log, with its level. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, readDocument } from "../support/documents.ts";

/** Event to the levels that the sources log it with; a computed level is left out. */
function loggedActions(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const file of new Bun.Glob("src/**/*.ts").scanSync({ cwd: ROOT })) {
    const source = readFileSync(join(ROOT, file), "utf8");
    for (const [, level = "", action = ""] of source.matchAll(
      /\blog\(\s*("[a-z]+"|[^"(),]+(?:\([^)]*\))?),\s*"([a-z-]+)"/g,
    )) {
      const levels = found.get(action) ?? new Set();
      if (level.startsWith('"')) levels.add(level.slice(1, -1));
      found.set(action, levels);
    }
  }
  return found;
}

function documentedActions(): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of readDocument("docs/LOGGING.md").split("\n")) {
    const [, names = "", levels = ""] =
      /^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \| ([a-z, ]+) \|/.exec(line) ?? [];
    for (const [, name = ""] of names.matchAll(/`([a-z-]+)`/g)) {
      found.set(name, `${found.get(name) ?? ""} ${levels}`);
    }
  }
  return found;
}

/** Event to the fields that the sources give it, as far as they stand in the call. */
function loggedFields(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const file of new Bun.Glob("src/**/*.ts").scanSync({ cwd: ROOT })) {
    const source = readFileSync(join(ROOT, file), "utf8");
    for (const [, action = "", fields = ""] of source.matchAll(
      /\b(?:log|event)\([^;]{0,120}?(?:"[a-z]+"|\w+(?:\.\w+)*), "([a-z-]+)", \{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}/g,
    )) {
      const names = found.get(action) ?? new Set();
      for (const [, name = ""] of fields.matchAll(/(?:^|[{,\s])([A-Z][A-Z_]+)(?=\s*[:,]|\s*$)/g)) {
        names.add(name);
      }
      found.set(action, names);
    }
  }
  return found;
}

function documentedFields(action: string): string {
  return readDocument("docs/LOGGING.md")
    .split("\n")
    .filter((line) => line.startsWith("| `") && line.split("|")[1]?.includes(`\`${action}\``))
    .map((line) => line.split("|")[3])
    .join(" ");
}

test("every field of the sources is in the catalogue", () => {
  const logged = loggedFields();
  expect(logged.size).toBeGreaterThan(30);
  for (const [action, names] of logged) {
    const documented = documentedFields(action).match(/[A-Z_]+/g) ?? [];
    for (const name of names) expect(documented, action).toContain(name);
  }
});

test("every event of the sources is in the catalogue, with its levels", () => {
  const documented = documentedActions();
  const logged = loggedActions();
  expect(logged.size).toBeGreaterThan(30);
  for (const [action, levels] of logged) {
    expect([...documented.keys()], action).toContain(action);
    for (const level of levels) expect(documented.get(action), action).toContain(level);
  }
});
