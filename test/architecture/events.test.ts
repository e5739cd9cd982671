/** What the log's lines look like is known to the catalogue of events, and to nothing else in the sources. */
import { expect, test } from "bun:test";
import { FIELDS } from "../../src/core/events/fields.ts";
import { nameInLine } from "../../src/core/events.ts";
import { readSources } from "./sources.ts";

const OWNERS = ["src/core/events.ts", "src/core/log-line.ts"];
const elsewhere = [...readSources()].filter(
  ([file]) => !OWNERS.includes(file) && !file.startsWith("src/core/events/"),
);

test("nothing else builds a line", () => {
  for (const [file, source] of elsewhere) {
    // A hint names an action, whole: "its log then has ACTION=reload".
    const built = source.match(/^.*ACTION=(?:\$\{|[`"']|%).*$/gm) ?? [];
    expect(built, file).toEqual([]);
  }
});

/** A process's environment has these too. */
const OF_THE_ENVIRONMENT = new Set(["PATH", "USER"]);

test("nothing else names a field as the line has it", () => {
  const names = Object.keys(FIELDS)
    .map(nameInLine)
    .filter((name) => !OF_THE_ENVIRONMENT.has(name));
  const asKey = new RegExp(
    `(?:[{,(]\\s*|^[ ]+|^[ ]+const )(?:${names.join("|")})(?::|,| \\}| =).*$`,
    "gm",
  );
  expect("log({ REQID: id })").toMatch(asKey);
  for (const [file, source] of elsewhere) {
    expect(source.match(asKey) ?? [], file).toEqual([]);
  }
});
