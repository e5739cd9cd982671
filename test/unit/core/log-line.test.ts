import { describe, expect, test } from "bun:test";
import { formatLogLine, type LogValue } from "../../../src/core/log-line.ts";
import { parseFields } from "../../support/log-socket.ts";

/** With the fields as they stand. */
function lineOf(action: string, fields: Readonly<Record<string, LogValue | undefined>>): string {
  const columns = Object.keys(fields).map((name) => ({ field: name, name }));
  return formatLogLine(action, columns, fields);
}

describe("docs/PROTOCOL.md, section 7", () => {
  test("ACTION first, then the fields in the order that is given", () => {
    expect(lineOf("run", { EXIT: 0, REQID: "a1b2", RTT: "4ms", TARGET: "web-01:7443" })).toBe(
      "ACTION=run EXIT=0 REQID=a1b2 RTT=4ms TARGET=web-01:7443",
    );
  });
  test("an event without fields", () => {
    expect(formatLogLine("api-stop")).toBe("ACTION=api-stop");
  });
  test("undefined leaves a field out; 0 and empty text do not", () => {
    expect(lineOf("x", { A: undefined, B: 0, C: "" })).toBe('ACTION=x B=0 C=""');
  });
  test("a list is joined by commas", () => {
    expect(lineOf("x", { A: ["a", "b"], B: [] })).toBe('ACTION=x A=a,b B=""');
  });
  test("white space puts a value in double quotes", () => {
    expect(lineOf("x", { R: "bad credentials" })).toBe('ACTION=x R="bad credentials"');
  });
  test("what a line cannot hold is escaped as in JSON", () => {
    expect(lineOf("x", { A: 'a\nb"\\\u0007' })).toBe('ACTION=x A="a\\nb\\"\\\\\\u0007"');
  });
  test("letters of any language stay readable", () => {
    expect(lineOf("x", { USER: "Zoë", Z: "日本" })).toBe("ACTION=x USER=Zoë Z=日本");
  });
});

describe("T26 no value forges a line or a field", () => {
  const values = [
    "a\nACTION=run EXIT=0",
    "a\r\nb",
    'quote" ACTION=auth RESULT=pass X="',
    "a=b",
    "back\\slash",
    'ends in \\"',
    "ends in a backslash\\",
    "\\u0000 typed out",
    "tab\there",
    "NUL\0 ESC\u001b[2J BEL\u0007 DEL\u007f",
    "C1 \u009b31m NEL\u0085",
    "separators \u2028 \u2029",
    "right to left \u202e \u2066 \u200f \u061c",
    "no-break\u00a0space",
    "half a pair \ud800 and \udc00",
    "a whole pair \u{1f600}",
    "",
    " ",
  ];
  test.each(values)("%j", (value) => {
    const line = lineOf("run", { SCRIPT: value, TARGET: "t" });
    expect(line).not.toMatch(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
      /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/,
    );
    expect(parseFields(line)).toEqual({ ACTION: "run", SCRIPT: value, TARGET: "t" });
  });

  test("the action is no safer than a value", () => {
    const line = lineOf('x\nACTION=run "', { A: 1 });
    expect(parseFields(line)).toEqual({ ACTION: 'x\nACTION=run "', A: "1" });
  });
});

describe("T26 no value makes a line long", () => {
  test.each([
    ["plain", "a"],
    ["with white space", "a b"],
    ["of control bytes", "\u0001"],
    ["of quotes", '"'],
    ["of backslashes", "\\"],
    ["of newlines", "\n"],
    ["of wide characters", "日"],
  ])("1 MiB %s: cut, counted, whole fields", (_, unit) => {
    const value = unit.repeat(2 ** 20 / unit.length);
    const line = lineOf("run", { ERROR: value, TARGET: "web-01" });
    expect(line.length).toBeLessThan(5000);
    const fields = parseFields(line);
    expect(Object.keys(fields)).toEqual(["ACTION", "ERROR", "TARGET"]);
    expect(fields.TARGET).toBe("web-01");
    const [, kept = "", rest] = /^([\s\S]*)\.\.\.\(\+(\d+)\)$/.exec(fields.ERROR ?? "") ?? [];
    expect(value.startsWith(kept)).toBe(true);
    expect(kept.length + Number(rest)).toBe(value.length);
    expect(kept.length).toBeGreaterThan(500);
  });

  test("a value that just fits is not cut", () => {
    const value = "a".repeat(4096);
    expect(parseFields(lineOf("x", { A: value })).A).toBe(value);
    expect(parseFields(lineOf("x", { A: `${value}b` })).A).toBe(`${value}...(+1)`);
  });

  test("many long values: whole fields stay, the others are counted", () => {
    const names = Array.from({ length: 20 }, (_, index) => `F${String.fromCharCode(65 + index)}`);
    const line = lineOf("x", Object.fromEntries(names.map((name) => [name, "a b".repeat(1000)])));
    expect(line.length).toBeLessThan(17_000);
    const { ACTION, OMITTED, ...rest } = parseFields(line);
    expect(ACTION).toBe("x");
    expect(Object.keys(rest).length + Number(OMITTED)).toBe(20);
    expect(Object.keys(rest).length).toBeGreaterThan(3);
    expect(rest.FA).toBe("a b".repeat(1000));
  });
});
