import { describe, expect, test } from "bun:test";
import { type RawSettings, readSettings } from "../../../../src/core/config/conf-syntax.ts";

function plain({ keys, sections }: RawSettings): unknown {
  return {
    keys: Object.fromEntries([...keys].map(([key, { value, line }]) => [key, [value, line]])),
    sections: Object.fromEntries(
      [...sections].map(([name, section]) => [
        name,
        {
          line: section.line,
          keys: Object.fromEntries([...section.keys].map(([key, { value }]) => [key, value])),
        },
      ]),
    ),
  };
}

async function refusal(file: string, text: string): Promise<string> {
  const error: unknown = await readSettings(file, text).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "CtrlExecError", code: "config" });
  return error instanceof Error ? error.message : "";
}

describe(".conf", () => {
  test("keys, sections, comments and blank lines", async () => {
    const text = [
      "# comment",
      "",
      "  port = 7443  ",
      "cert=/etc/x.crt",
      "   # indented comment",
      "[tags]",
      "env = production",
      "[Other-1]",
      "",
    ].join("\n");
    expect(plain(await readSettings("agent.conf", text))).toEqual({
      keys: { port: ["7443", 3], cert: ["/etc/x.crt", 4] },
      sections: {
        tags: { line: 6, keys: { env: "production" } },
        "Other-1": { line: 8, keys: {} },
      },
    });
  });

  test("a value is everything behind the first =, never quoted, # included", async () => {
    const { keys } = await readSettings("f.conf", 'a = b = c # d\nq = "quoted"\ne =\n');
    expect([...keys.values()].map(({ value }) => value)).toEqual(["b = c # d", '"quoted"', ""]);
  });

  test("CRLF and a byte order mark, as editors leave them", async () => {
    expect(plain(await readSettings("f.conf", "\ufeffa = 1\r\n[tags]\r\nb = 2\r\n"))).toEqual({
      keys: { a: ["1", 1] },
      sections: { tags: { line: 2, keys: { b: "2" } } },
    });
  });

  test("tabs, and a CR at the very end", async () => {
    expect(plain(await readSettings("f.conf", "a\t=\t1\r\nb = 2\r"))).toEqual({
      keys: { a: ["1", 1], b: ["2", 2] },
      sections: {},
    });
  });

  test("an empty file", async () => {
    expect(plain(await readSettings("f.conf", ""))).toEqual({ keys: {}, sections: {} });
  });

  test("names that every object has are names", async () => {
    const { keys } = await readSettings("f.conf", "__proto__ = 1\nconstructor = 2\n");
    expect([...keys.keys()]).toEqual(["__proto__", "constructor"]);
  });

  test("a key may be one letter, with nothing around the equals sign", async () => {
    expect((await readSettings("f.conf", "a=1\n")).keys.get("a")?.value).toBe("1");
  });

  test("the same key in two sections is two keys", async () => {
    const { keys, sections } = await readSettings("f.conf", "a = 1\n[tags]\na = 2\n");
    expect(keys.get("a")?.value).toBe("1");
    expect(sections.get("tags")?.keys.get("a")?.value).toBe("2");
  });

  test.each([
    ...["\r", "\u0085", "\f", "\v", "\0", "\u001b", "\u2028", "\u2029", "\u007f"].map(
      (mark): [string, string, string] => [
        `T28 ${JSON.stringify(mark)} where an editor ends a line`,
        `a = 1\r\n# x${mark}auth_hook = /x\n`,
        "Cannot read /x/f.conf: line 2: the character U+",
      ],
    ),
    ["T28 UTF-16", Buffer.from("\ufeffa = 1\n", "utf16le").toString(), "it is in UTF-16; save it"],
    ["T28 UTF-16 without a mark", Buffer.from("a = 1\n", "utf16le").toString(), "in UTF-16"],
    ["a line without =", "a = 1\nnonsense\n", "Cannot read /x/f.conf: line 2: expected"],
    ["no key", "= 1\n", "Cannot read /x/f.conf: line 1: expected"],
    ["an unclosed header", "[tags\n", "Cannot read /x/f.conf: line 1: expected"],
    ["a header with a space in it", "[my tags]\n", "Cannot read /x/f.conf: line 1: expected"],
    ["a key twice", "a = 1\n\na = 2\n", "line 3: a is already set on line 1"],
    ["a section twice", "[tags]\n[tags]\n", "line 2: section [tags] appears twice"],
  ])("%s is an error with its line", async (_, text, message) => {
    expect(await refusal("/x/f.conf", text)).toContain(message);
  });
});

describe(".toml", () => {
  test("numbers, booleans, lists and tables", async () => {
    const text = [
      "port = 7443 # comment",
      "rate_limit_disable = true",
      'script_dirs = ["/a", "/b"]',
      "",
      "[tags]",
      'env = "production"',
      "rank = 1",
    ].join("\n");
    expect(plain(await readSettings("agent.toml", text))).toEqual({
      keys: {
        port: [7443, 1],
        rate_limit_disable: [true, 2],
        script_dirs: [["/a", "/b"], 3],
      },
      sections: { tags: { line: 5, keys: { env: "production", rank: 1 } } },
    });
  });

  test("the ending alone chooses the syntax", async () => {
    expect((await readSettings("a.toml.conf", "a = b")).keys.get("a")?.value).toBe("b");
    expect(await refusal("a.toml", "a = b")).toContain("Cannot read a.toml: line 1: ");
  });

  test.each([
    ["a syntax error", "a = 1\nb = = 2\n", "Cannot read f.toml: line 2: "],
    ["a key twice", "a = 1\na = 2\n", "Cannot read f.toml: line 2: "],
    ["a date", "a = 1\nport = 2027-01-01\n", "line 2: port: expected text, a number"],
    ["a table in a list", "x = [{ a = 1 }]\n", "line 1: x: expected text, a number"],
    ["a table in a section", "[tags]\n\nenv = { a = 1 }\n", "line 3: tags.env: expected text"],
    ["a list of sections", "\n[[tags]]\na = 1\n", "line 2: tags: expected text"],
    ["a number beyond what is exact", "a = 9007199254740993\n", "line 1: "],
  ])("%s is an error with its line", async (_, text, message) => {
    const shown = await refusal("f.toml", text);
    expect(shown).toContain(message);
    expect(shown).not.toContain("\n");
  });

  test("the line of a key is where it is set, not where a comment or a list has its name", async () => {
    const text =
      '# port = 1\nx = [\n"port", # a.port = 1\n]\nport = 2\n# tags]\n[tags]\nport = 3\n';
    const { keys, sections } = await readSettings("f.toml", text);
    expect([keys.get("port")?.line, sections.get("tags")?.line]).toEqual([5, 7]);
  });

  test("a dotted key and an inline table are sections, with a line", async () => {
    const { sections } = await readSettings("f.toml", "a = 1\ntags.env = 'x'\nfoo = { bar = 1 }\n");
    expect(sections.get("tags")?.line).toBe(2);
    expect(sections.get("tags")?.keys.get("env")).toEqual({ value: "x", line: 2 });
    expect(sections.get("foo")?.line).toBe(3);
    expect(sections.get("foo")?.keys.get("bar")).toEqual({ value: 1, line: 1 });
  });

  test("a key whose line is not found has the first", async () => {
    const { keys } = await readSettings("f.toml", 'a = 1\n"b=c" = 2\n');
    expect(keys.get("b=c")).toEqual({ value: 2, line: 1 });
  });
});
