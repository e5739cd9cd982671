import { expect, test } from "bun:test";
import { hasMoreMembers, isDeeper } from "../../../../src/core/wire/json-members.ts";

/** The least bound that the text keeps within. */
function membersOf(text: string): number {
  const bytes = Buffer.from(text);
  let most = 0;
  while (hasMoreMembers(bytes, most)) most += 1;
  return most;
}

test.each([
  ["{}", 0],
  ['{"a":1}', 1],
  ['{"a":{"b":[{"c":1},{"c":2}]}}', 4],
  ['{"a:b":":::"}', 1],
  ['{"a\\":":1,"b\\\\":2}', 2],
  ['["a:b", ":"]', 0],
  ['{"ä:":"☃:", "b":1}', 2],
  ["", 0],
])("%s has %d", (text, members) => {
  expect(membersOf(text)).toBe(members);
});

test.each([
  ["[]", 1],
  ['{"a":[[1],[2]]}', 3],
  ['["[[[", "\\"[[["]', 1],
  ["[[], [], {}]", 2],
  ["[[], [[]]]", 3],
  ['["\\"", [1]]', 2],
  ["1", 0],
  ["[[[", 3],
])("%s has %d nested", (text, depth) => {
  const bytes = Buffer.from(text);
  expect([isDeeper(bytes, depth - 1), isDeeper(bytes, depth)]).toEqual([depth >= 0, false]);
});
