/** What group_command may print. */
import { describe, expect, spyOn, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readCommandOutput } from "../../../../src/controller/groups/command-output.ts";

const ANSIBLE = join(import.meta.dir, "../../../support/ansible-inventory.json");

const read = (text: string) => readCommandOutput(Buffer.from(text));

test("lists of expressions", () => {
  const groups = read('{"web": ["web-[01-20]", "@role=web"], "__proto__": []}');
  expect([...groups]).toEqual([
    ["web", { expressions: ["web-[01-20]", "@role=web"], hosts: [], children: [] }],
    ["__proto__", { expressions: [], hosts: [], children: [] }],
  ]);
});

test("what Ansible prints, without what it knows of the hosts", () => {
  const groups = readCommandOutput(readFileSync(ANSIBLE));
  expect([...groups.keys()].sort()).toEqual(["all", "app", "db", "spare", "ungrouped", "web"]);
  expect(groups.get("web")).toEqual({
    expressions: [],
    hosts: ["web-01", "web-02", "web-03"],
    children: [],
  });
  expect(groups.get("all")?.children).toEqual(["ungrouped", "app", "spare"]);
  expect(groups.get("spare")).toEqual({ expressions: [], hosts: [], children: [] });
  expect(JSON.stringify([...groups])).not.toMatch(/secret|backend|192/);
});

describe("refused:", () => {
  test.each([
    ["", "it is not JSON"],
    ["[]", "it is not an object"],
    ['{"web": "web-01"}', "web: expected a list of hosts, or an object"],
    ['{"web": [1]}', "web: expected a list of hosts, or an object"],
    ['{"web": {"host": []}}', "web.host: unknown member; did you mean hosts?"],
    ['{"web": {"zone": []}}', "web.zone: unknown member; expected one of hosts, children, vars"],
    ['{"web": {"hosts": "a"}}', "web.hosts: expected a list of names"],
    ['{"web": {"children": [null]}}', "web.children: expected a list of names"],
    ['{"a\\"b": []}', "a group's name has no quotes"],
    ['{"web": {"children": ["\\u0007"]}}', "a group's name has no quotes"],
    [`{"web": ${"[".repeat(101)}`, "more than 100 levels of nested lists and objects"],
    [`{"_meta": ${"[".repeat(100)}${"]".repeat(100)}}`, "more than 100"],
  ])("%s", (text, why) => {
    expect(() => read(text)).toThrow(why);
  });
});

test("16 MiB of brackets are refused at once, and what a host knows may be nested", () => {
  // Which takes seconds for that.
  using parser = spyOn(JSON, "parse");
  expect(() => read("[".repeat(2 ** 24))).toThrow("levels of nested");
  expect(() => read('{"a":'.repeat(3 * 2 ** 20))).toThrow("levels of nested");
  expect(parser).not.toHaveBeenCalled();
  const deep = `${"[".repeat(90)}${"]".repeat(90)}`;
  expect([...read(`{"_meta": {"a": ${deep}}, "web": []}`).keys()]).toEqual(["web"]);
});
