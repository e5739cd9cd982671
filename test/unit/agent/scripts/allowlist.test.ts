import { describe, expect, test } from "bun:test";
import { parseAllowlist, suspectedOption } from "../../../../src/agent/scripts/allowlist.ts";
import { isScriptName, SCRIPT_NAME_RULE } from "../../../../src/core/script-name.ts";

const FILE = "/etc/ctrl-exec-agent/scripts.conf";
const TOML = "/etc/ctrl-exec-agent/scripts.toml";

async function listed(text: string): Promise<Record<string, string>> {
  const { scripts } = await parseAllowlist(FILE, text);
  return Object.fromEntries([...scripts].map(([name, { path }]) => [name, path]));
}

async function optionsOf(line: string) {
  const { scripts, warnings } = await parseAllowlist(FILE, line);
  return warnings[0]?.message ?? scripts.get("x");
}

test("names and paths, comments and blank lines", async () => {
  const text = "\ufeff# scripts\r\n\r\nbackup-db = /opt/s/backup.sh\r\n  two_2=/opt/s/t o.sh  \n";
  expect(await listed(text)).toEqual({ "backup-db": "/opt/s/backup.sh", two_2: "/opt/s/t o.sh" });
  expect((await parseAllowlist(FILE, text)).warnings).toEqual([]);
});

describe("a bad line is skipped with a warning, and the others stay", () => {
  test("T28 also one that an editor shows as two", async () => {
    const text = "# x\ra = /a.sh\r\nb = /b.sh\r\nc = /c.sh\u2028d = /d.sh\n";
    const { scripts, warnings } = await parseAllowlist("/x/scripts.conf", text);
    expect([...scripts.keys()]).toEqual(["b"]);
    expect(warnings.map(({ message }) => message)).toEqual([
      "line 1 skipped: the character U+000D may not be in a line; lines end in LF or CRLF",
      "line 3 skipped: the character U+2028 may not be in a line; lines end in LF or CRLF",
    ]);
  });

  test("T28 a file in UTF-16 is reported as such", async () => {
    const text = Buffer.from("\ufeffa = /a.sh\nb = /b.sh\n", "utf16le").toString();
    const { warnings } = await parseAllowlist("/x/scripts.conf", text);
    expect(warnings).toEqual([
      { key: "", message: "line 1 skipped: it is in UTF-16; save it in UTF-8" },
    ]);
  });

  test.each([
    ["no =", "nonsense"],
    ["a relative path", "x = scripts/x.sh"],
    ["a path that climbs from nowhere", "x = ../x.sh"],
    ["no path", "x ="],
    ["no name", "= /x.sh"],
    ["a name with a slash", "a/b = /x.sh"],
    ["a name with a space", "a b = /x.sh"],
    ["a name with a dot", "a.sh = /x.sh"],
    ["a name that is not ASCII", "ä = /x.sh"],
    ["a name of 256", `${"a".repeat(256)} = /x.sh`],
    ["NUL in the path", "x = /x\0.sh"],
  ])("%s", async (_, line) => {
    const { scripts, warnings } = await parseAllowlist(FILE, `a = /a.sh\n${line}\nz = /z.sh\n`);
    expect([...scripts.keys()]).toEqual(["a", "z"]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toStartWith("line 2 skipped: ");
  });

  test.each([
    ["nonsense", 'expected "name = /absolute/path"', "nonsense"],
    ["x = x.sh", "expected an absolute path", "x = x.sh"],
    ["a/b = /x.sh", SCRIPT_NAME_RULE, "a/b = /x.sh"],
    ["= /x.sh", SCRIPT_NAME_RULE, "= /x.sh"],
    ["x = timeout=5", "expected an absolute path", "x = timeout=5"],
    [`${"a".repeat(99)} b = /x`, SCRIPT_NAME_RULE, "a".repeat(60)],
  ])("with what was expected: %s", async (line, problem, key) => {
    const { warnings } = await parseAllowlist(FILE, line);
    expect(warnings).toEqual([{ key, message: `line 1 skipped: ${problem}` }]);
  });

  test("a name twice: the first stays", async () => {
    const { scripts, warnings } = await parseAllowlist(FILE, "a = /first.sh\na = /second.sh\n");
    expect(scripts.get("a")?.path).toBe("/first.sh");
    expect(warnings[0]?.message).toContain("line 2 skipped: a is already listed");
  });
});

describe("options after the path", () => {
  test("each of them, in any order", async () => {
    const options = { timeout: 300, max_output: 2 ** 20, concurrency: 1 };
    const script = { name: "x", path: "/opt/x/backup.sh", options };
    const line = "x = /opt/x/backup.sh timeout=300 max_output=1M concurrency=1";
    expect(await optionsOf(line)).toEqual(script);
    expect(
      await optionsOf("x = /opt/x/backup.sh  concurrency=1\ttimeout=300 max_output=1024K"),
    ).toEqual(script);
    expect(await optionsOf("x = /a b.sh timeout=5")).toMatchObject({ path: "/a b.sh" });
    expect(await optionsOf("x = /opt/limit timeouts")).toMatchObject({
      path: "/opt/limit timeouts",
    });
  });

  test.each([
    ["a path of 0.8 with = in it", "/opt/a=b", "/opt/a=b"],
    ["one with a blank and =", "/opt/a b=c", "/opt/a b=c"],
    ["an option's name without a blank before it", "/opt/timeout=5", "/opt/timeout=5"],
    ["an option's name without a value", "/opt/x timeout", "/opt/x timeout"],
    ["an option's name in the middle", "/opt/x timeout=5 y", "/opt/x timeout=5 y"],
  ])("%s stays what it was", async (_, value, path) => {
    expect(await optionsOf(`x = ${value}`)).toEqual({ name: "x", path, options: {} });
  });

  test("up to their limits", async () => {
    const options = { timeout: 2_147_483, max_output: 1, concurrency: 10_000 };
    const line = "x = /x.sh timeout=2147483 max_output=1 concurrency=10000";
    expect(await optionsOf(line)).toMatchObject({ path: "/x.sh", options });
    expect(await optionsOf("x = /x.sh timeout=1 concurrency=1")).toMatchObject({
      options: { timeout: 1, concurrency: 1 },
    });
    expect(await optionsOf("x = /x.sh concurrency=10001")).toBe(
      "line 1 skipped: concurrency: expected a number from 1 to 10000",
    );
  });

  test.each([
    ["timeout=", "timeout: expected seconds from 1"],
    ["timeout=0", "timeout: expected seconds from 1"],
    ["timeout=-1", "timeout: expected seconds from 1"],
    ["timeout=2147484", "timeout: expected seconds from 1"],
    ["timeout=1.5", "timeout: expected seconds from 1"],
    ["max_output=much", "max_output: expected a size"],
    ["concurrency=0", "concurrency: expected a number"],
    ["timeout=1 timeout=2", "timeout is given twice"],
  ])("%s is refused", async (options, problem) => {
    expect(await optionsOf(`x = /x.sh ${options}`)).toStartWith(`line 1 skipped: ${problem}`);
  });
});

describe("the TOML form", () => {
  test("text and tables", async () => {
    const text = [
      'plain = "/opt/plain.sh"',
      "[backup]",
      'path = "/opt/backup.sh"',
      "timeout = 300",
      'max_output = "1M"',
    ].join("\n");
    const { scripts, warnings } = await parseAllowlist(TOML, text);
    expect(warnings).toEqual([]);
    expect([...scripts.values()]).toEqual([
      { name: "plain", path: "/opt/plain.sh", options: {} },
      { name: "backup", path: "/opt/backup.sh", options: { timeout: 300, max_output: 2 ** 20 } },
    ]);
  });

  test("a bad entry is skipped and the others stay", async () => {
    const text = [
      'a = "/a.sh"',
      "b = 5",
      "[c]",
      "timeout = 5",
      "[d]",
      'path = "/d.sh"',
      "colour = 1",
      "[z]",
      'path = "/z.sh"',
    ].join("\n");
    const { scripts, warnings } = await parseAllowlist(TOML, text);
    expect([...scripts.keys()]).toEqual(["a", "z"]);
    expect(warnings.map(({ message }) => message)).toEqual([
      "line 2 skipped: expected an absolute path",
      "line 3 skipped: expected an absolute path",
      "line 5 skipped: unknown option colour",
    ]);
  });

  test("what is not TOML is an error", async () => {
    expect(parseAllowlist(TOML, "a = ")).rejects.toThrow(/^Cannot read .*scripts\.toml: line 1/);
  });
});

test("names that every object has are listed only when they are", async () => {
  expect((await parseAllowlist(FILE, "a = /a.sh")).scripts.get("constructor")).toBeUndefined();
  expect((await parseAllowlist(FILE, "constructor = /c.sh")).scripts.get("constructor")?.path).toBe(
    "/c.sh",
  );
});

test.each([
  ["backup-db_2", true],
  ["-rf", true],
  ["", false],
  ["a\n", false],
  ["../a", false],
  ["a;b", false],
  ["a".repeat(255), true],
  ["a".repeat(256), false],
])("%j is a script name: %p", (name, is) => {
  expect(isScriptName(name)).toBe(is);
});

test.each([
  ["/opt/s.sh timeot=3", /timeot is not an option; did you mean timeout=\?$/],
  ["/opt/s.sh timeout=3 Concurency=1", /did you mean concurrency=\?$/],
  ["/opt/s.sh shell=bash", /expected one of timeout, max_output, concurrency$/],
])("a last word like an option is suspected: %s", (path, said) => {
  expect(suspectedOption(path)).toMatch(said);
});

test.each(["/opt/s.sh", "/opt/a=b.sh", "/opt/my a=/s.sh x", "/opt/my script.sh"])(
  "a path is a path: %s",
  (path) => expect(suspectedOption(path)).toBeUndefined(),
);
