import { expect, test } from "bun:test";
import { parseChecksums } from "../../../../src/core/release/checksums.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);

test("a line for each file", () => {
  const sums = parseChecksums(`${A}  ctrl-exec-linux-x64.gz\n${B}  VERSION\n`);
  expect([...(sums ?? [])]).toEqual([
    ["ctrl-exec-linux-x64.gz", A],
    ["VERSION", B],
  ]);
});

test.each([
  ["nothing", ""],
  ["an empty line", `${A}  a\n\n`],
  ["no line break at the end", `${A}  a`],
  ["one space", `${A} a\n`],
  ["sha256sum's mark of binary files", `${A} *a\n`],
  ["a path", `${A}  ../a\n`],
  ["a hidden file", `${A}  .a\n`],
  ["an upper-case sum", `${A.toUpperCase()}  a\n`],
  ["a short sum", `${A.slice(1)}  a\n`],
  ["another line break", `${A}  a\r\n`],
  ["a name twice", `${A}  a\n${B}  a\n`],
  ["a name without end", `${A}  ${"a".repeat(129)}\n`],
  ["lines without end", `${A}  a\n`.repeat(300)],
])("T36 refuses %s", (_, text) => {
  expect(parseChecksums(text)).toBeUndefined();
});
