/** The tables of keys and options in docs/CONFIGURATION.md, put between the markers that name them. */
import { SCRIPT_OPTIONS } from "../../src/agent/scripts/script-options.ts";
import { byGroup, type KeyRow } from "./keys.ts";

/** @throws Error when the document has no such markers */
export function replaceSection(document: string, name: string, body: string): string {
  const begin = `<!-- generated: ${name} -->`;
  const end = "<!-- end -->";
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`no "${begin}" ... "${end}" in the document`);
  return `${document.slice(0, from + begin.length)}\n\n${body}\n${document.slice(to)}`;
}

export function keyTables(rows: readonly KeyRow[]): string {
  const parts: string[] = [];
  for (const [group, keys] of byGroup(rows)) {
    parts.push(`### ${group}`, "", "| key | default | meaning |", "|---|---|---|");
    for (const { name, standard, text, example, section } of keys) {
      const shown = section ? `\`[${name}]\`` : `\`${name}\``;
      const sample = example === undefined ? "" : ` Example: \`${example}\`.`;
      const value = standard === undefined ? "none" : `\`${standard}\``;
      parts.push(`| ${shown} | ${value} | ${text.replaceAll("|", "\\|")}${sample} |`);
    }
    parts.push("");
  }
  return parts.join("\n");
}

/** The options of a script in scripts.conf. */
export function optionTable(): string {
  const rows = Object.entries(SCRIPT_OPTIONS).map(
    ([name, { example, text }]) => `| \`${name}=${example}\` | ${text} |`,
  );
  return ["| option | meaning |", "|---|---|", ...rows, ""].join("\n");
}
