import { describe, expect, test } from "bun:test";
import * as z from "zod/mini";
import { optional, port, withDefault } from "../../../../src/core/config/config-fields.ts";
import { type ConfigSchema, parseConfig } from "../../../../src/core/config/config-file.ts";

const shape = z.object({
  port: withDefault(port, 7443),
  read_timeout: optional(port),
  tags: withDefault(z.custom<Readonly<Record<string, string>>>(), {}),
});

const schema: ConfigSchema<typeof shape> = {
  shape,
  openSections: ["tags"],
  aliases: { timeout: "read_timeout" },
  removed: { old_key: "nothing replaces it" },
};

const parse = (text: string, file = "/etc/x.conf") => parseConfig(file, text, schema);

async function refusal(text: string, file?: string): Promise<string> {
  const error: unknown = await parse(text, file).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "CtrlExecError", code: "config" });
  return error instanceof Error ? error.message : "";
}

describe("an error names file, line, key, value and what was expected", () => {
  test("in a .conf", async () => {
    expect(await refusal("# c\nport = 70000\n")).toBe(
      "Cannot use /etc/x.conf: line 2: port = 70000: expected a whole number from 0 to 65535",
    );
  });
  test("in a .toml", async () => {
    expect(await refusal("\nport = [1]\n", "/etc/x.toml")).toBe(
      "Cannot use /etc/x.toml: line 2: port = [1]: expected a whole number from 0 to 65535",
    );
  });
  test("under the name that was typed", async () => {
    expect(await refusal("timeout = soon\n")).toContain("line 1: timeout = soon: expected");
  });
  test("all at once", async () => {
    expect(await refusal("port = x\nread_timeout = y\n")).toMatch(/line 1: port .*; line 2: read_/);
  });
  test("with the whole of a value of 60 characters", async () => {
    const value = "9".repeat(60);
    expect(await refusal(`port = ${value}\n`)).toContain(`port = ${value}: expected`);
    expect(await refusal(`port = ${value}9\n`)).toContain(`port = ${value}...: expected`);
  });
  test("and cuts a long value", async () => {
    const message = await refusal(`port = ${"9".repeat(5000)}\n`);
    expect(message.length).toBeLessThan(250);
    expect(message).toContain("999...: expected");
  });
});

describe("a warning and no more", () => {
  test.each([
    ["frobnicate = 1", "frobnicate", "unknown key on line 1, ignored"],
    ["old_key = 1", "old_key", "removed: nothing replaces it (line 1)"],
    ["\n[other]\na = 1", "[other]", "unknown section on line 2, ignored"],
    ["[empty]", "[empty]", "unknown section on line 1, ignored"],
    ["tags = x", "tags", "unknown key on line 1, ignored"],
    ["constructor = 1", "constructor", "unknown key on line 1, ignored"],
    ["__proto__ = 1", "__proto__", "unknown key on line 1, ignored"],
    ["toString = 1", "toString", "unknown key on line 1, ignored"],
  ])("%j", async (text, key, message) => {
    const { config, warnings } = await parse(text);
    expect(warnings).toEqual([{ key, message }]);
    expect(config.port).toBe(7443);
    expect(config.tags).toEqual({});
  });
});

test.each([
  ["x.conf", "[port]\nx = 1\n", "line 1: port: expected a value, not a section"],
  ["x.toml", "\nport = { x = 1 }\n", "line 2: port: expected a value, not a section"],
  ["x.conf", "[tag]\nx = 1\n", "line 1: unknown section [tag]; did you mean [tags]?"],
])("in %s a section in place of another is refused, not ignored", async (file, text, message) => {
  expect(await refusal(text, file)).toBe(`Cannot use ${file}: ${message}`);
});

test.each([
  ["port = 1", "port"],
  ["timeout = 1", "timeout"],
  ["prot = 1", "prot"],
])("a section that nobody knows may not have %s", async (line, key) => {
  expect(await refusal(`[net]\nx = 1\n${line}\n`)).toBe(
    `Cannot use /etc/x.conf: line 3: ${key} is in [net] and would set nothing; put it before the first section`,
  );
});

describe("an alias", () => {
  test("sets the present key", async () => {
    expect((await parse("timeout = 5")).config.read_timeout).toBe(5);
  });
  test.each(["timeout = 5\nread_timeout = 6", "read_timeout = 6\ntimeout = 5"])(
    "gives way to it: %j",
    async (text) => {
      expect((await parse(text)).config.read_timeout).toBe(6);
    },
  );
});

describe("an open section", () => {
  test("takes any key, the names that every object has too", async () => {
    const { config, warnings } = await parse("[tags]\n__proto__ = p\nconstructor = c\nport = 1\n");
    expect(JSON.stringify(config.tags)).toBe('{"__proto__":"p","constructor":"c","port":"1"}');
    expect(Object.getPrototypeOf(config.tags)).toBe(Object.prototype);
    expect(config.port).toBe(7443);
    expect(warnings).toEqual([{ key: "port", message: "line 4 is in [tags] and sets nothing" }]);
  });
  test("has text for values in TOML as well", async () => {
    const { config } = await parse("[tags]\na = 1\nb = true\nc = 'x'\n", "x.toml");
    expect(config.tags).toEqual({ a: "1", b: "true", c: "x" });
  });
});
