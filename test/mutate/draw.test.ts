/** The seed, the order it gives, and what `MUTATE_FILES` picks out. */
import { expect, test } from "bun:test";
import type { Site } from "./change.ts";
import { isWanted, shuffled } from "./draw.ts";

const site = (start: number, file = "src/a.ts"): Site => ({
  file,
  line: start,
  start,
  changes: [],
});
const SITES = Array.from({ length: 40 }, (_, start) => site(start));
const starts = (sites: readonly Site[]) => sites.map(({ start }) => start);

test("one seed gives one order, another seed another, and no site is lost", () => {
  expect(starts(shuffled(SITES, "1"))).toEqual(starts(shuffled(SITES.toReversed(), "1")));
  expect(starts(shuffled(SITES, "1"))).not.toEqual(starts(shuffled(SITES, "2")));
  expect(starts(shuffled(SITES, "1")).sort((a, b) => a - b)).toEqual(starts(SITES));
});

test("a change in one file moves no site of another", () => {
  const more = [...SITES, site(7, "src/b.ts"), site(9, "src/b.ts")];
  const rest = shuffled(more, "1").filter(({ file }) => file === "src/a.ts");
  expect(starts(rest)).toEqual(starts(shuffled(SITES, "1")));
});

test.each([
  ["src/api", true],
  ["src/api/slots.ts", true],
  ["src/api/slots.ts:7", true],
  ["src/api/slots.ts:8", false],
  ["src/ap", false],
  ["src/agent", false],
])("%s picks out line 7 of src/api/slots.ts: %p", (wanted, expected) => {
  expect(isWanted({ file: "src/api/slots.ts", line: 7 }, [wanted])).toBe(expected);
});
