import { expect, test } from "bun:test";
import { runProgram } from "../../support/binary.ts";
import { blocksOf } from "../../support/documents.ts";

/** What differs from run to run: ids, times, the temporary folder, the width of a table. */
function lasting(text: string): string[] {
  return text
    .replace(/\/tmp\/[\w./-]*?ctrl-exec-demo-\w+/g, "<folder>")
    .replace(/\b[0-9a-f]{16}\b/g, "<id>")
    .replace(/\b\d+ms\b/g, "<time>")
    .replace(/\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT/g, "<date>")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "<date>")
    .replace(/-{3,}/g, "<rule>")
    .split("\n")
    .map((line) => line.replace(/ {2,}/g, "  ").trimEnd());
}

test("README shows what the demo really prints", async () => {
  const { out, status } = await runProgram("ctrl-exec", ["demo"]);
  expect(status).toBe(0);
  const printed = lasting(out);
  const shown = blocksOf("README.md").find(({ info }) => info === "console");
  const lines = lasting(shown?.text ?? "");
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) expect(printed).toContain(line);
  // A title has a blank line before it where the output ends its last line.
  const titles = lines.filter((line) => line.startsWith("# "));
  const before = (text: string[], title: string) => text[text.indexOf(title) - 1] === "";
  for (const title of titles.slice(1)) {
    expect([title, before(lines, title)]).toEqual([title, before(printed, title)]);
  }
});
