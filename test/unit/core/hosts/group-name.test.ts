/** Names of groups: which there can be, and how each is typed. */
import { expect, test } from "bun:test";
import {
  groupNameProblem,
  readGroupName,
  typedGroup,
} from "../../../../src/core/hosts/group-name.ts";

test.each([
  ["web", "@@web"],
  ["web-1_a.b", "@@web-1_a.b"],
  ["büro", "@@büro"],
  ["web servers", '@@"web servers"'],
  ["a,b", '@@"a,b"'],
  ["web*", '@@"web*"'],
])("%s is typed %s", (name, typed) => {
  expect(typedGroup(name)).toBe(typed);
  expect(readGroupName(typed, 2)).toEqual({ name, end: typed.length });
});

test.each(["", 'a"b', "a'b", "a\nb", "a\u202eb", "x".repeat(129)])("no group is %j", (name) => {
  expect(groupNameProblem(name)).toBeString();
  expect(readGroupName(`'${name}'`, 0)?.name).not.toBe(name);
});

test("a name ends where an expression goes on", () => {
  expect(readGroupName("web,db", 0)).toEqual({ name: "web", end: 3 });
  expect(readGroupName("'a b'!c", 0)).toEqual({ name: "a b", end: 5 });
  expect(readGroupName("!c", 0)).toBeUndefined();
  expect(readGroupName('"a', 0)).toBeUndefined();
});
