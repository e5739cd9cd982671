/** The changes of tags that a person types. */
import { describe, expect, test } from "bun:test";
import {
  changedTags,
  isPlainTag,
  isTagKey,
  readTagChanges,
  TAG_KEY,
  tagIn,
  tagText,
} from "../../../src/core/tags.ts";

test("what is set and what is removed is read", () => {
  const words = [
    "env=production",
    "role-",
    "url=http://x?a=b",
    "a/b.c-d=1",
    "Straße=Nord 2",
    "__proto__=1",
  ];
  const { set, remove } = readTagChanges(words);
  expect(Object.entries(set)).toEqual([
    ["env", "production"],
    ["url", "http://x?a=b"],
    ["a/b.c-d", "1"],
    ["Straße", "Nord 2"],
    ["__proto__", "1"],
  ]);
  expect(remove).toEqual(["role"]);
});

test.each<[string[], string]>([
  [["env"], 'Cannot read the tag "env": it is neither key=value nor key-'],
  [["env="], "it has no value; env- removes the tag"],
  [["=x"], "a key has letters, digits"],
  [["-"], "a key has letters, digits"],
  [["a b=x"], "a key has letters, digits"],
  [["a-=x"], "a key has letters, digits"],
  [["a--"], "a key has letters, digits"],
  [["a!=x"], "a key has letters, digits"],
  [['"a"=x'], "a key has letters, digits"],
  [[`${"a".repeat(64)}=x`], "at most 63"],
  [["env=a", "env=b"], "env is given twice"],
  [["env=a", "env-"], "env is given twice"],
  [["env-", "env-"], "env is given twice"],
  [["env=a\nb"], "a value has at most 255 characters, in one line"],
  [["env=\u001b[2J"], "a value has at most 255 characters"],
  [["env=\u202ea"], "a value has at most 255 characters"],
  [[`env=${"a".repeat(256)}`], "a value has at most 255 characters"],
])("%j cannot be read", (words, why) => {
  let problem: unknown;
  try {
    readTagChanges(words);
  } catch (thrown) {
    problem = thrown;
  }
  expect(problem).toMatchObject({
    code: "usage",
    message: expect.stringContaining(why),
    hint: expect.stringContaining("ctrl-exec tag web-01"),
  });
});

describe("the tags after a change", () => {
  const before = { env: "test", role: "db" };

  test.each<[string[], object | undefined]>([
    [["env=production", "rack=7"], { env: "production", role: "db", rack: "7" }],
    [["env-"], { role: "db" }],
    [["env-", "role-"], {}],
    [["env=test"], undefined],
    [["rack-"], undefined],
    [["constructor-"], undefined],
  ])("%j", (words, after) => {
    expect(changedTags(before, readTagChanges(words))).toEqual(after as never);
  });

  test("one whose key every object has is one as well", () => {
    const after = changedTags({}, readTagChanges(["constructor=x", "__proto__=y"])) ?? {};
    expect([tagIn(after, "constructor"), tagIn(after, "__proto__")]).toEqual(["x", "y"]);
    expect([tagIn({}, "constructor"), tagIn({}, "__proto__")]).toEqual([undefined, undefined]);
  });
});

test("T61 no key takes long to be refused", () => {
  const start = performance.now();
  expect(new RegExp(`^${TAG_KEY.source}$`, "u").test(`${"a-".repeat(30_000)}`)).toBe(false);
  expect(performance.now() - start).toBeLessThan(2000);
});

test.each([
  ["env", true, true, "env"],
  ["a:b+c", true, false, "a:b+c"],
  ["-env", true, false, "-env"],
  ["two words", false, false, '"two words"'],
  ["", false, false, '""'],
  ["a\u009b", false, false, '"a\\u009b"'],
  ["k".repeat(63), true, true, "k".repeat(63)],
  ["k".repeat(64), true, false, "k".repeat(64)],
])("%j needs no quotes: %p, may be a key: %p, and is shown so: %s", (text, plain, key, shown) => {
  expect([isPlainTag(text), isTagKey(text), tagText(text)]).toEqual([plain, key, shown]);
});
