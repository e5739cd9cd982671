/** Host expressions: what is read, and what is refused and how. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CtrlExecError } from "../../../../src/core/errors.ts";
import { termsOf } from "../../../../src/core/hosts/expression.ts";
import { HOST_HINT, parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";

const REQID = "a1b2c3d4e5f60718";

function host(name: string, port?: number) {
  return { kind: "host", name, port };
}

function tags(...conditions: readonly string[]) {
  const read = conditions.map((text) => {
    const [, key = "", operator, value] = /^(.*?)(!?=)(.*)$/.exec(text) ?? [];
    return { key, value, not: operator === "!=" };
  });
  return { kind: "tags", conditions: read };
}

function version(operator: string) {
  return { kind: "version", operator, version: { numbers: [1, 1], before: [] } };
}

describe("one term", () => {
  test.each([
    ["web-01", host("web-01")],
    ["web-01:7450", host("web-01", 7450)],
    ["10.0.0.1", host("10.0.0.1")],
    ["::1", host("::1")],
    ["[::1]:7443", host("::1", 7443)],
    ["fe80::1%eth0", host("fe80::1%eth0")],
    ["  web-01 ", host("web-01")],
    ["web-[1-2]", { kind: "nodes", set: expect.objectContaining({ count: 2 }), port: undefined }],
    ["web-[1,3]:80", { kind: "nodes", set: expect.objectContaining({ count: 2 }), port: 80 }],
    ["web-*", { kind: "glob", patterns: ["web-*"], port: undefined }],
    ["?[1-2]*:81", { kind: "glob", patterns: ["?1*", "?2*"], port: 81 }],
    ["@all", { kind: "all" }],
    ["@stale", { kind: "stale" }],
    ["@expiring=30d", { kind: "expiring", seconds: 2_592_000 }],
    [`@failed=${REQID}`, { kind: "failed", reqid: REQID }],
    [`@missed=${REQID}`, { kind: "missed", reqid: REQID }],
    ["@@web-1_a.b", { kind: "group", name: "web-1_a.b" }],
    ["@@all", { kind: "group", name: "all" }],
    ['@@"a, b"', { kind: "group", name: "a, b" }],
    ["@@'a!b'", { kind: "group", name: "a!b" }],
    ["@env=production", tags("env=production")],
    ["@role=db,env!=test", tags("role=db", "env!=test")],
    ["@role=db ,  env!=test ", tags("role=db", "env!=test")],
    [`@"version"=2,'all'!="a, b!"`, tags("version=2", "all!=a, b!")],
    [`@env=""`, tags("env=")],
    ["@a/b.c-d_e=/srv:7@x%20+1", tags("a/b.c-d_e=/srv:7@x%20+1")],
    ["@Straße=Köln", tags("Straße=Köln")],
    ["@versions=2", tags("versions=2")],
    ["@version<1.1", version("<")],
    ["@version<=1.1", version("<=")],
    ["@version>1.1", version(">")],
    ["@version>=1.1", version(">=")],
    ["@version=1.1", version("=")],
  ])("%s", (text, term) => {
    expect(parseHostExpression(text)).toEqual({
      kind: "expression",
      first: term,
      steps: [],
    } as never);
  });
});

describe("several terms", () => {
  /** As text with every parenthesis, which shows what belongs together. */
  function shape(text: string): string {
    return show(parseHostExpression(text));
  }

  function show(term: ReturnType<typeof parseHostExpression>["first"]): string {
    if (term.kind === "host") return term.name;
    if (term.kind === "nodes") return `{${term.set.names().join()}}`;
    if (term.kind !== "expression") return term.kind;
    return term.steps.reduce(
      (left, { operator, term: right }) => `(${left} ${operator} ${show(right)})`,
      show(term.first),
    );
  }

  test.each([
    ["a,b", "(a union b)"],
    ["a & b", "(a intersection b)"],
    ["a!b", "(a without b)"],
    ["a,b&c!d", "(((a union b) intersection c) without d)"],
    ["a,(b&c)", "(a union (b intersection c))"],
    ["((a))", "a"],
    ["( a , b ) ! c", "((a union b) without c)"],
    ["@all!@stale", "(all without stale)"],
    ["web-[1,2],db", "({web-1,web-2} union db)"],
    ["r[1-2]-n[3,4],db", "({r1-n3,r1-n4,r2-n3,r2-n4} union db)"],
    ["[::1]:80,b", "(::1 union b)"],
    ["@role=db,b", "(tags union b)"],
    ["@role=db,@env=test", "(tags union tags)"],
    ["@role=db,env=test,b", "(tags union b)"],
    ["@role=db!b", "(tags without b)"],
    ["@version<1.1,@role=db&b", "((version union tags) intersection b)"],
    ["(@role=db)&(b)", "(tags intersection b)"],
  ])("%s is %s", (text, expected) => {
    expect(shape(text)).toBe(expected);
  });

  test("each of them can be gone through, also in parentheses", () => {
    const kinds = [...termsOf(parseHostExpression("a,(@stale&(@all!web-*))"))].map(
      ({ kind }) => kind,
    );
    expect(kinds).toEqual(["host", "stale", "all", "glob"]);
  });
});

describe("what cannot be read is said, with where", () => {
  test.each([
    ["", "expected a host at the end"],
    ["a,", "expected a host at the end (character 3)"],
    ["a,,b", "expected a host before , (character 3)"],
    ["!a", "expected a host before !"],
    ["(a", "( is not closed (character 3)"],
    ["a)", ") closes nothing (character 2)"],
    ["a b", "expected , & or ! between two hosts (character 3)"],
    ["(a)b", "expected , & or ! between two hosts (character 4)"],
    ["@", "@ has no meaning; expected @all"],
    ["@nobody", "@nobody has no meaning; expected @all"],
    ["@al", "@al has no meaning; did you mean @all?"],
    ["@All", "@All has no meaning; did you mean @all?"],
    ["web-*!@stael", "@stael has no meaning; did you mean @stale?"],
    ["@expirng", "@expirng has no meaning; did you mean @expiring=30d?"],
    ["@@", "expected the name of a group after @@"],
    ["a,@@!b", "expected the name of a group after @@, such as @@frontends"],
    ['@@"web', "expected the name of a group after @@"],
    ["@@web-*", "expected , & or ! between two hosts (character 7)"],
    ["@@web:7450", "expected , & or ! between two hosts (character 6)"],
    ["@all=1", "@all=1 has no meaning"],
    ["@stale=1", "@stale=1 has no meaning"],
    ["@expiring", "@expiring has no meaning; expected @all"],
    ["@expiring<30d", "@expiring<30d has no meaning"],
    ["@expiring=30", "@expiring=30 has no unit; write @expiring=30d for days, or h, m or s"],
    ["@expiring=soon", "@expiring=soon has no meaning"],
    ["@failed=web-01", '"web-01" is not the id of a run: 16 hex digits, as list-runs shows them'],
    ["@missed=abc", '"abc" is not the id of a run: 16 hex digits'],
    ["@failed=", "@failed= has no meaning"],
    [
      "@ungrouped",
      "there is no @ungrouped; all hosts but those of your groups are @all!(@@frontends,@@backends)",
    ],
    ["@env", "@env has no meaning; expected @all"],
    ["@env=", 'env= needs a value: "" is an empty one'],
    ["@env==x", "env= needs a value"],
    ["@env=prod*", "env= needs a value"],
    ["@env=prod|x", "env= needs a value"],
    ['@env="x', "env= needs a value"],
    ['@env="x"y', "env= needs a value"],
    ["@role=db,env=", "env= needs a value"],
    [
      "@role=db,version=1",
      'version has a meaning of its own here; write @version by itself, or "version"',
    ],
    ["@stale!=1", "stale has a meaning of its own here"],
    ["@version!=1.1", "version has a meaning of its own here"],
    ["@version", "@version has no meaning"],
    ["@version<x", '"x" is not a version such as 1.1'],
    ["@version==1.1", '"=1.1" is not a version'],
    [
      "@env=x y",
      `expected , & or ! between two hosts; quotes go around spaces, and in a shell around the whole as well: '@role="big db"' (character 8)`,
    ],
    [
      "@@web servers",
      `expected , & or ! between two hosts; quotes go around spaces, and in a shell around the whole as well: '@@"web servers"' (character 7)`,
    ],
    ['@@"web servers" x', "expected , & or ! between two hosts (character 17)"],
    ["@@web,a b", "expected , & or ! between two hosts (character 9)"],
    ["(@@web) x", "expected , & or ! between two hosts (character 9)"],
    ["web_01", '"web_01" is not a host, host:port or address'],
    ["web-[1-2]_", '"web-[1-2]_" is not a host, host:port or address'],
    ["web-*_", '"web-*_" is not a host, host:port or address'],
    ["web-[1-2]:0", '"web-[1-2]:0" is not a host, host:port or address'],
    ["web-[1-2]:65536", '"web-[1-2]:65536" is not a host, host:port or address'],
    ["web-[1-", "[ is not closed"],
    ["[::1", '"[::1" is not a host, host:port or address'],
    ["[::1]x", '"[::1]x" is not a host, host:port or address'],
    ["[1-2]:[3]", '"[1-2]:[3]" is not a host, host:port or address'],
    ["web-[1-65]*", "more than 64 patterns in one"],
    [`${"a".repeat(62)}[9-10]`, "is not a host, host:port or address"],
    ["0.0.0.0", '"0.0.0.0" is not a host, host:port or address'],
    [`${"(".repeat(33)}a${")".repeat(33)}`, "more than 32 levels of nested parentheses"],
    ["a,".repeat(40_000), "more than 65536 characters in one expression"],
  ])("%s", (text, why) => {
    expect(() => parseHostExpression(text)).toThrow(why);
  });

  test("every one as a bad request with a next step, except for a plain name", () => {
    const problem = problemOf("a,");
    expect(problem).toMatchObject({
      code: "bad-request",
      hint: expect.stringContaining("ctrl-exec run --help"),
    });
    expect(problemOf("a%b")).toMatchObject({ hint: expect.stringContaining("fe80::1%eth0") });
  });

  test("a tag without its @ is told what a tag is, and a plain name nothing more", () => {
    expect(problemOf("env=test")).toMatchObject({ hint: expect.stringContaining("@env=test") });
    expect(problemOf("web_01")).toMatchObject({ hint: HOST_HINT });
  });

  test("where it begins is the whole text, a long text is cut, and the place is that in the whole", () => {
    expect(problemOf("!a")).toMatchObject({
      message: 'Cannot read the hosts "!a": expected a host before !',
    });
    const names = "a,".repeat(98);
    for (const [text, shown] of [
      [`${names}aa b`, `${names}aa b`],
      [`${names}aaa b`, `${names}aaa ...`],
    ] as const) {
      expect(problemOf(text)).toMatchObject({ message: expect.stringContaining(`"${shown}": `) });
    }
  });

  test("as much as may be is read: characters, patterns, and the highest port", () => {
    const longest = `${"a,".repeat(32_767)}ab`;
    expect(longest).toHaveLength(65_536);
    expect(parseHostExpression(longest).steps).toHaveLength(32_767);
    expect(() => parseHostExpression(`${longest}c`)).toThrow("more than 65536 characters");
    expect(parseHostExpression("web-[1-64]*").first).toMatchObject({ kind: "glob" });
    expect(parseHostExpression("web-[1-2]:65535").first).toMatchObject({ port: 65_535 });
  });

  test("32 levels of nested parentheses are read", () => {
    expect(() => parseHostExpression(`${"(".repeat(32)}a${")".repeat(32)}`)).not.toThrow();
  });

  function problemOf(text: string): unknown {
    try {
      return parseHostExpression(text);
    } catch (thrown) {
      return thrown;
    }
  }
});

test("any text is read, or refused as a bad request, and quickly", () => {
  const words = ["@all", "web-", "@expiring=", "!=", "@env=", "@version<", ",role=", "'"];
  const piece = fc.constantFrom(...'ab1,&!()[]-*?@="<>:.% /0', ...words);
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      try {
        parseHostExpression(pieces.join(""));
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(CtrlExecError);
        expect(thrown).toMatchObject({ code: "bad-request" });
      }
    }),
    { numRuns: 1000 },
  );
});

test("what a tag term says is read back, whatever its keys and values are", () => {
  const text = fc.string({ maxLength: 12 }).filter((each) => !each.includes('"'));
  const condition = fc.record({ key: text, value: text, not: fc.boolean() });
  fc.assert(
    fc.property(fc.array(condition, { minLength: 1, maxLength: 4 }), (conditions) => {
      const written = conditions.map(
        ({ key, value, not }) => `"${key}"${not ? "!=" : "="}"${value}"`,
      );
      const { first, steps } = parseHostExpression(`@${written.join(",")},web-01`);
      expect(first).toEqual({ kind: "tags", conditions });
      expect(steps).toHaveLength(1);
    }),
  );
});

test("T61 no term takes long to be refused", () => {
  const start = performance.now();
  for (const text of ['@"', "@a=b,", "@a.", "@a='b',", "@version<1."]) {
    const long = text.repeat(Math.floor(65_000 / text.length));
    expect(() => parseHostExpression(long)).toThrow("Cannot read the hosts");
  }
  expect(performance.now() - start).toBeLessThan(5000);
});
