/** The files of groups.d: what each may have in it, and on which line something is wrong. */
import { describe, expect, test } from "bun:test";
import { readGroupFile } from "../../../../src/controller/groups/group-file.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";

async function problem(text: string): Promise<string> {
  const { code, message } = await readGroupFile("/x/web.toml", text).then(
    () => expect.unreachable("it was read"),
    asCtrlExecError,
  );
  expect(code).toBe("config");
  return message.replace("Cannot read /x/web.toml: ", "");
}

test("each table is a group: a list of expressions, or one", async () => {
  const text = `
[web]
hosts = ["web-[01-03]", "proxy"]
except = "web-02"

["all of them"]
hosts = "@@web,@stale"`;
  const groups = await readGroupFile("/x/web.toml", text);
  expect(groups.map(({ name, from, where }) => [name, from, where])).toEqual([
    ["web", "file", "/x/web.toml"],
    ["all of them", "file", "/x/web.toml"],
  ]);
  const [web, all] = groups.map((group) => group.members());
  expect(web).toMatchObject([
    {
      kind: "expression",
      first: { kind: "nodes" },
      steps: [
        { operator: "union", term: { kind: "host", name: "proxy" } },
        { operator: "without", term: { kind: "host", name: "web-02" } },
      ],
    },
  ]);
  expect(all).toMatchObject([{ first: { kind: "group", name: "web" }, steps: [{}] }]);
});

test("one with an empty list cannot be used, and the others can", async () => {
  const text = "[a]\nhosts = 'a'\n[web]\n\nhosts = []\nexcept = 'b'";
  const [first, web] = await readGroupFile("/x/web.toml", text);
  expect(first?.members()).toMatchObject([{ kind: "host", name: "a" }]);
  expect(() => web?.members()).toThrow(
    expect.objectContaining({
      code: "unusable",
      message: "Cannot use group @@web of /x/web.toml: line 5: its hosts are an empty list",
      remoteMessage: "Cannot use group @@web: line 5: its hosts are an empty list",
    }),
  );
});

describe("refused, with the line:", () => {
  test.each([
    ["[web]\nhost = ['a']", "line 2: [web] host: unknown key; did you mean hosts?"],
    [
      "[web]\nhosts = ['a']\nzone = 1",
      "line 3: [web] zone: unknown key; expected one of hosts, except",
    ],
    ["[web]\n\nexcept = 'a'", "line 1: [web] hosts: expected a host expression, or a list of them"],
    ["[web]\nexcept = 'a'\n[b]\nhosts = 'b'", "line 1: [web] hosts: "],
    ["[web]\n[b]\nhosts = 'b'", "line 1: [web] hosts: "],
    ["[web]\nhosts = [1]", "line 2: [web] hosts: expected a host expression, or a list of them"],
    [
      "[a]\nhosts = 'a'\n[b]\nhosts = 'b['",
      'line 4: [b] hosts: Cannot read the hosts "b[": [ is not closed',
    ],
    ["[web]\nhosts = 'a'\nexcept = ['b', 'c,']", "line 3: [web] except: "],
    [
      "[web]\nhosts = '@failed=a1b2c3d4e5f60718'",
      "line 2: [web] hosts: a group cannot have @failed in it",
    ],
    [
      "web = ['a']",
      'line 1: web is outside of any group; a group is [web], and below it hosts = ["web-[01-20]"]',
    ],
    [
      "[x]\nhosts='x'\n[web.prod]\nhosts = 'a'",
      'line 3: a name with a dot must be in quotes: ["web.prod"]',
    ],
    [
      '\n["a\\nb"]\nhosts = "a"',
      "line 2: a group's name has no quotes, and no spaces except the ordinary one",
    ],
    ["[web]\nhosts = 'a'\n[web]\nhosts = 'b'", "line 3: "],
    ["[web", "line 1: "],
  ])("%j", async (text, expected) => {
    expect(await problem(text)).toContain(expected);
  });
});
