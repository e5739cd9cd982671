/** Every action that is named, in the documents, in hints and in scripts, is one that the programs log. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT_EVENTS } from "../../src/core/events/agent.ts";
import { API_EVENTS } from "../../src/core/events/api.ts";
import { COMMON_EVENTS } from "../../src/core/events/common.ts";
import { CONTROLLER_EVENTS } from "../../src/core/events/controller.ts";
import type { Entries } from "../../src/core/events/entry.ts";
import { ROOT } from "../support/documents.ts";

const CATALOGUE: Entries = {
  ...COMMON_EVENTS,
  ...CONTROLLER_EVENTS,
  ...API_EVENTS,
  ...AGENT_EVENTS,
};
const ACTIONS = new Set(Object.entries(CATALOGUE).map(([event, { action = event }]) => action));

function filesOf(...patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })]);
}

/** The demonstrator's own line, under its own tag. */
const OF_SCRIPTS = new Set(["demonstrate"]);

test("an ACTION that is named is one of the catalogue", () => {
  let named = 0;
  for (const file of filesOf("README.md", "docs/*.md", "src/**/*.{ts,sh}", "src/assets/*.[18]")) {
    const text = readFileSync(join(ROOT, file), "utf8");
    for (const [, one, several] of text.matchAll(/ACTION=(?:([a-z][a-z-]*)|\(([a-z|\\-]+)\))/g)) {
      for (const action of one === undefined ? (several ?? "").split(/\\?\|/) : [one]) {
        named += 1;
        if (!OF_SCRIPTS.has(action)) expect([...ACTIONS], `${file}: ${action}`).toContain(action);
      }
    }
  }
  expect(named).toBeGreaterThan(50);
});

test("every event of the catalogue is written somewhere", () => {
  const sources = filesOf("src/**/*.ts")
    .filter((file) => !file.startsWith("src/core/events"))
    .map((file) => readFileSync(join(ROOT, file), "utf8"))
    .join("\n");
  for (const event of Object.keys(CATALOGUE)) expect(sources).toContain(`"${event}"`);
});
