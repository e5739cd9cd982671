import { expect, test } from "bun:test";
import { isReservedScript } from "../../../src/core/reserved-script.ts";
import { isScriptName, isSendableName } from "../../../src/core/script-name.ts";
import { shellWord } from "../../../src/core/shell-word.ts";

test.each([
  ["deploy-app_2", true],
  ["x".repeat(255), true],
  ["x".repeat(256), false],
  ["", false],
  ["a b", false],
  ["a/b", false],
  ["deploy\n", false],
  ["bücher", false],
])("whether an allowlist can hold %p: %p", (name, can) => {
  expect(isScriptName(name)).toBe(can);
});

test.each([
  ["a b/c", true],
  ["日本", true],
  ["", true],
  ["x".repeat(255), true],
  ["x".repeat(256), false],
  ["é".repeat(127), true],
  ["é".repeat(128), false],
  ["a\nb", false],
  ["a\u2028b", false],
  ["a\u202eb", false],
  ["a\ud800", false],
])("T26 whether an agent may be asked for %p: %p", (name, may) => {
  expect(isSendableName(name)).toBe(may);
});

test.each([
  ["update-ctrl-exec-serial", true],
  [" Update-Ctrl-Exec-Serial\t", true],
  ["update-ctrl-exec-serials", false],
  ["", false],
])("T63 whether only a rotation may ask for %p: %p", (name, is) => {
  expect(isReservedScript(name)).toBe(is);
});

test.each([
  ["/etc/a-b_c.conf", "/etc/a-b_c.conf"],
  ["a@b%c+d=e:f,g", "a@b%c+d=e:f,g"],
  ["", "''"],
  ["two words", "'two words'"],
  ["it's", "'it'\\''s'"],
  ["$x", "'$x'"],
  ["a\n", "'a\n'"],
])("%p is typed as %s in a shell", (word, typed) => {
  expect(shellWord(word)).toBe(typed);
});
