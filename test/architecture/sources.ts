/** The sources as the architecture tests read them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** By path from the checkout: `src/core/text.ts`. */
export type Sources = ReadonlyMap<string, string>;

export const transpiler = new Bun.Transpiler({
  loader: "ts",
  target: "bun",
  deadCodeElimination: false,
});

/**
 * Every module a file names: static, dynamic and required ones from the parser, and by text the
 * type-only ones, which the parser drops. A type is knowledge too, so the rule counts it.
 */
export function importsOf(source: string): Set<string> {
  const found = new Set(transpiler.scanImports(source).map((entry) => entry.path));
  const typeOnly = [
    /(?:^|;)\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']/gm,
    /^(?!\s*(?:\*|\/\/)).*\bimport\(\s*["']([^"']+)["']\s*\)/gm,
  ];
  for (const pattern of typeOnly) {
    for (const match of source.matchAll(pattern)) if (match[1] !== undefined) found.add(match[1]);
  }
  return found;
}

export function readSources(): Sources {
  const root = join(import.meta.dir, "../..");
  const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /\.[cm]?[jt]sx?$/.test(name)).map((name) => `src/${name}`);
  return new Map(files.sort().map((file) => [file, readFileSync(join(root, file), "utf8")]));
}
