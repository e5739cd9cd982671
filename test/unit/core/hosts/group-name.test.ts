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

const ODD = "a group's name has no quotes, and no spaces except the ordinary one";

test.each([
  ["", "a group needs a name"],
  ['a"b', ODD],
  ["a'b", ODD],
  ["a\nb", ODD],
  ["a\u202eb", ODD],
  ["x".repeat(129), "a group's name has at most 128 characters"],
])("no group is %j", (name, problem) => {
  expect(groupNameProblem(name)).toStartWith(problem);
  expect(readGroupName(`'${name}'`, 0)?.name).not.toBe(name);
});

test("a name may have 128 characters", () => {
  expect(groupNameProblem("x".repeat(128))).toBeUndefined();
});

test("a name ends where an expression goes on", () => {
  expect(readGroupName("web,db", 0)).toEqual({ name: "web", end: 3 });
  expect(readGroupName("'a b'!c", 0)).toEqual({ name: "a b", end: 5 });
  expect(readGroupName("!c", 0)).toBeUndefined();
  expect(readGroupName('"a', 0)).toBeUndefined();
});
