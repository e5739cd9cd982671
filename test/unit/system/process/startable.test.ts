import { afterAll, expect, test } from "bun:test";
import { runProcess } from "../../../../src/system/process/run-process.ts";
import { baseEnvironment } from "../../../../src/system/process/start-program.ts";
import { startableProblem } from "../../../../src/system/process/startable.ts";
import { TestFolder } from "../../../support/folder.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());

const NOT_EXECUTABLE = folder.write("not-executable", "#!/bin/sh\n");

/** What the file holds, and what is to be said of it. */
const broken: readonly (readonly [string, string, string, RegExp])[] = [
  ["no #! line", "echo hello\n", "ENOEXEC", /it has no #! line and is no program/],
  ["nothing at all", "", "ENOEXEC", /it has no #! line/],
  ["a #! line of Windows", "#!/bin/sh\r\necho hello\r\n", "ENOENT", /CRLF/],
  ["a missing interpreter", "#! /nonexistent/sh -e\n", "ENOENT", /missing: \/nonexistent\/sh$/],
  ["an interpreter that is not executable", `#!${NOT_EXECUTABLE}\n`, "EACCES", /not executable/],
];

test.each(broken)("%s is told as a run would end", async (what, content, code, problem) => {
  const path = folder.write(`broken/${what.replaceAll(/\W/g, "-")}`, content, 0o755);
  const judged = startableProblem(path);
  expect(judged).toMatchObject({ kind: "unusable", code });
  expect(judged?.problem).toMatch(problem);
  expect(judged?.remedy).not.toBe("");
  expect((await execute(path)).startError).toBe(code);
});

test.each([
  ["python of nowhere", "#!/usr/bin/env no-such-python\n", /missing: no-such-python$/],
  ["lines of Windows", "#!/usr/bin/env sh\r\n", /CRLF/],
])("what env would not find is told too: %s", async (what, content, problem) => {
  const path = folder.write(`searched/${what.replaceAll(" ", "-")}`, content, 0o755);
  expect(startableProblem(path)?.problem).toMatch(problem);
  expect((await execute(path)).exit).toBe(127);
});

test.each([
  ["sh", "#!/bin/sh\nexit 0\n"],
  ["sh with a blank and an option", "#! /bin/sh -e\nexit 0\n"],
  ["sh without a line's end", "#!/bin/sh"],
  ["env", "#!/usr/bin/env sh\nexit 0\n"],
])("a script that runs is good: %s", async (what, content) => {
  const path = folder.write(`good/${what.replaceAll(/\W/g, "-")}`, content, 0o755);
  expect(startableProblem(path)).toBeUndefined();
  expect(await execute(path)).toMatchObject({ startError: undefined, exit: 0 });
});

test("a program is good, and what cannot be read or is of another kind is left to the system", () => {
  expect(startableProblem(process.execPath)).toBeUndefined();
  expect(startableProblem(folder.join("nothing-here"))).toBeUndefined();
  expect(startableProblem(folder.write("other", "MZ\0\0", 0o755))).toBeUndefined();
});

function execute(file: string) {
  return runProcess({ file, args: [], env: baseEnvironment(), input: "", maxOutput: 100 });
}
