/** The screen is a contract: the help of every program and mode, and the names it is called by. */
import { afterAll, describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { agentProgram } from "../../../src/cli/agent/program.ts";
import { type Program, splitCommandLine } from "../../../src/cli/command/command.ts";
import { controllerProgram } from "../../../src/cli/controller/program.ts";
import { BINARY, type ProgramName, runCommand, runProgram } from "../../support/binary.ts";
import { ROOT } from "../../support/documents.ts";
import { TestFolder } from "../../support/folder.ts";

const VERSION = "\\d+\\.\\d+\\.\\d+( \\(commit [0-9a-f]{12}(?:-dirty)?\\))?";
const PROGRAMS: readonly [ProgramName, Program][] = [
  ["ctrl-exec", controllerProgram],
  ["ctrl-exec-agent", agentProgram],
];
const MODES = PROGRAMS.flatMap(([name, { verbs }]) =>
  Object.keys(verbs).map((mode): [ProgramName, string] => [name, mode]),
);

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());

describe.each([...PROGRAMS])("%s", (name, program) => {
  test("--help lists every mode with its summary", async () => {
    const { status, out, err } = await runProgram(name, ["--help"]);
    expect(status).toBe(0);
    expect(err).toBe("");
    for (const [mode, { summary, hidden }] of Object.entries(program.verbs)) {
      if (hidden === true) expect(out).not.toMatch(new RegExp(`^  ${mode} `, "m"));
      else expect(out).toMatch(new RegExp(`^  ${mode} +${RegExp.escape(summary)}$`, "m"));
    }
    expect((await runProgram(name, ["-h"])).out).toBe(out);
  });

  test("nothing typed: the same on stderr, exit 2", async () => {
    const help = await runProgram(name, ["--help"]);
    const { status, out, err } = await runProgram(name, []);
    expect(status).toBe(2);
    expect(out).toBe("");
    expect(err).toBe(`${help.out}${name}: no mode given\n`);
  });

  test("--version and -V", async () => {
    for (const option of ["--version", "-V"]) {
      const { status, out } = await runProgram(name, [option]);
      expect(status).toBe(0);
      expect(out).toMatch(new RegExp(`^${name} ${VERSION}\\n$`));
    }
  });
});

test.each<[ProgramName, readonly string[], readonly string[]]>([
  ["ctrl-exec", ["help"], ["--help"]],
  ["ctrl-exec", ["help", "run"], ["run", "--help"]],
  ["ctrl-exec", ["help", "help"], ["--help", "help"]],
  ["ctrl-exec", ["agent", "help", "serve"], ["agent", "serve", "--help"]],
  ["ctrl-exec-agent", ["help", "serve"], ["serve", "--help"]],
  ["ctrl-exec-api", ["help", "reload"], ["reload", "--help"]],
])("%s %p is %p", async (name, words, option) => {
  const asked = await runProgram(name, words);
  expect([asked.status, asked.err]).toEqual([0, ""]);
  expect(asked.out).toBe((await runProgram(name, option)).out);
});

test("help of a mode that there is not says so, and which was meant", async () => {
  const { status, out, err } = await runProgram("ctrl-exec", ["help", "list-agent"]);
  expect(err).toMatch(/Unknown mode "list-agent"; did you mean list-agents\?/);
  expect([status, out]).toEqual([2, ""]);
});

test.each(MODES)("%s %s --help", async (name, mode) => {
  const program = PROGRAMS.find(([other]) => other === name)?.[1];
  const verb = await program?.verbs[mode]?.load();
  const { status, out, err } = await runProgram(name, [mode, "--help"]);
  expect(status).toBe(0);
  expect(err).toBe("");
  const lines = out.split("\n");
  expect(lines[0]).toStartWith(`Usage: ${name} ${mode}`);
  expect(out).toContain(verb?.details ?? "?");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  for (const [option, { hidden, description }] of Object.entries(verb?.options ?? {})) {
    if (hidden === true) expect(out).not.toContain(`--${option}\n`);
    else
      expect(out).toMatch(
        new RegExp(`^  --${option}( <.*>)? +${RegExp.escape(description)}$`, "m"),
      );
  }
  expect(out).toContain("Examples:");
  for (const example of verb?.examples ?? []) expect(out).toContain(`  ${example}\n`);
  // It may stand anywhere before `--`.
  expect(program && splitCommandLine(program, ["--help", mode])).toMatchObject({
    help: true,
    mode,
  });
});

test("the installer's help fits 80 columns", async () => {
  const { status, out } = await runCommand(["sh", join(ROOT, "install.sh"), "--help"]);
  expect(status).toBe(0);
  for (const line of out.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
});

describe("one executable, chosen by name", () => {
  const called = async (argv0: string, ...args: string[]) =>
    (await runCommand([BINARY, ...args], { argv0 })).out.split("\n")[0] ?? "";

  test("by a symbolic link of any place", async () => {
    for (const name of ["ctrl-exec", "ctrl-exec-agent"]) {
      const link = folder.join(name);
      symlinkSync(BINARY, link);
      const { out } = await runCommand([link, "--version"]);
      expect(out).toStartWith(`${name} `);
    }
  });

  test("by exec -a, with and without a path", async () => {
    expect(await called("ctrl-exec-agent", "--version")).toStartWith("ctrl-exec-agent ");
    expect(await called("/opt/x/ctrl-exec-agent", "--version")).toStartWith("ctrl-exec-agent ");
    expect(await called("renamed-download", "--version")).toStartWith("ctrl-exec ");
    expect(await called("-sh", "--version")).toStartWith("ctrl-exec ");
  });

  test("by the first argument", async () => {
    const { out } = await runProgram("ctrl-exec", ["agent", "--version"]);
    expect(out).toStartWith("ctrl-exec-agent ");
    const mode = await runProgram("ctrl-exec", ["agent", "serve", "--help"]);
    expect(mode.out).toStartWith("Usage: ctrl-exec-agent serve");
    // What is an agent already has no mode of that name.
    expect((await runProgram("ctrl-exec-agent", ["agent", "--version"])).status).toBe(0);
  });
});
