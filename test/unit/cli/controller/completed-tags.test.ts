/** Tags in completions: what an agent claims is offered only if every shell takes it for a word. */
import { expect, test } from "bun:test";
import { completedBound, completedTag } from "../../../../src/cli/controller/completed-tags.ts";

const KEYS = {
  env: ["test", "production", "a b", "$(reboot)"],
  "site/rack": ["7"],
  ...{ "--token": ["x"], "-r": ["x"], "$(reboot)": ["x"], "a b": ["x"], "x;y": ["x"], "": ["x"] },
};
const FACTS = {
  tags: new Map(Object.entries(KEYS).map(([key, values]) => [key, new Set(values)])),
  versions: new Set<string>(),
};

test.each([
  ["", ["env=", "site/rack="]],
  ["e", ["env=", "site/rack="]],
  ["env=", ["env=production", "env=test"]],
  ["'env=pr", ["env=production", "env=test"]],
  ["--token=", []],
  ["none=", []],
])("T78 tag %s", (typed, words) => {
  expect(completedTag(typed, FACTS)).toEqual(words);
});

test.each([
  ["", ["env=", "site/rack="]],
  ["env=1,s", ["env=1,env=", "env=1,site/rack="]],
])("T78 --per-tag %s", (typed, words) => {
  expect(completedBound(typed, FACTS)).toEqual(words);
});
