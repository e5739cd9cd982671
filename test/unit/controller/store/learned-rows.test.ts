/** How much of what a host has told is kept in a row, and how rows are read. */
import { expect, test } from "bun:test";
import { knownReader, scriptsIn, valuesOf } from "../../../../src/controller/store/learned-rows.ts";

const kept = (news: Parameters<typeof valuesOf>[1]) => valuesOf("web-01", news, 1000);

test("a column that was not told has no value and no time", () => {
  const nothing = { $version: null, $version_at: null, $tags: null, $tags_at: null };
  const row = { $name: "web-01", $contact: 1000, ...nothing, $scripts: null, $scripts_at: null };
  expect(kept({})).toEqual(row);
  expect(kept({ version: "" })).toEqual(row);
  expect(kept({ version: "1.1", tags: {}, scripts: [] })).toEqual({
    ...{ $name: "web-01", $contact: 1000, $version: "1.1", $version_at: 1000 },
    ...{ $tags: "{}", $tags_at: 1000, $scripts: "[]", $scripts_at: 1000 },
  });
});

test("T69 as much as may be is kept whole, and no character more", () => {
  const tags = (length: number) => kept({ tags: { k: "x".repeat(length - 8) } });
  expect(tags(4096).$tags).toHaveLength(4096);
  expect(tags(4097)).toMatchObject({ $tags: null, $tags_at: 1000 });
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, key) => [`key-${key}`, "xx"]));
  expect(kept({ tags: many }).$tags).toBeNull();
  const scripts = (...lengths: readonly number[]) =>
    JSON.parse(kept({ scripts: lengths.map((length) => "x".repeat(length)) }).$scripts ?? "");
  expect(scripts(16_379)).toHaveLength(1);
  expect(scripts(16_380)).toEqual([]);
  expect(scripts(5, 16_371, 1)).toHaveLength(2);
  expect(scripts(5, 16_372, 1)).toEqual(["xxxxx"]);
  expect(kept({ version: "1".repeat(65) }).$version).toBe("1".repeat(64));
});

test("rows share what is the same in all of them, and a time is that of its column", () => {
  const known = knownReader();
  const row = { rowid: 1, name: "a", contact: 3000, version: "1.1", version_at: 2000 };
  const first = known({ ...row, tags: '{"env":"test"}', tags_at: 1000 });
  const at = (ms: number) => new Date(ms);
  expect(first).toEqual({
    contact: at(3000),
    version: { value: "1.1", at: at(2000) },
    tags: { value: { env: "test" }, at: at(1000) },
  });
  const second = known({ ...row, version_at: null, tags: '{"env":"test"}', tags_at: 2000 });
  expect(second.version).toBeUndefined();
  expect(second.tags?.value).toBe(first.tags?.value as never);
  expect(second.contact).toBe(first.contact);
  const none = known({ ...row, tags: null, tags_at: 1000 });
  expect(none.tags).toEqual({ value: "too long", at: at(1000) });
  expect(known({ ...row, tags: null, tags_at: null }).tags).toBeUndefined();
  expect(() => known({ ...row, tags: '{"env":1}', tags_at: 1 })).toThrow("tags that are not valid");
});

test("what is not a list of names is none", () => {
  expect(scriptsIn('["a"]', 5)).toEqual({ value: ["a"], at: new Date(5) });
  expect(scriptsIn("[1]", 5).value).toEqual([]);
});
