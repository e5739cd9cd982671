import { describe, expect, test } from "bun:test";
import { agentProgram } from "../../../../src/cli/agent/program.ts";
import { apiProgram } from "../../../../src/cli/api/program.ts";
import { type Program, shownVerbs } from "../../../../src/cli/command/command.ts";
import { controllerProgram } from "../../../../src/cli/controller/program.ts";
import { programHelp, verbHelp } from "../../../../src/cli/render/help.ts";
import { updateSerialProgram } from "../../../../src/cli/update-serial.ts";
import { VERSION } from "../../../../src/core/version.ts";

const programs: readonly Program[] = [controllerProgram, agentProgram];

/** Modes that people and scripts have been typing since 0.8. */
const OLD_MODES: Readonly<Record<string, readonly string[]>> = {
  "ctrl-exec": [
    "run",
    "ping",
    "pairing-mode",
    "list-requests",
    "approve",
    "deny",
    "list-agents",
    "setup-ca",
    "setup-ctrl-exec",
  ],
  "ctrl-exec-agent": ["serve", "request-pairing", "pairing-status"],
};

/** Nothing that a terminal obeys, and no line wider than 80 columns. */
function expectPlain(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
  expect(text).not.toContain("undefined");
  expect(text).toEndWith("\n");
  for (const line of text.split("\n")) {
    expect(line).toBe(line.trimEnd());
    expect(line.length, line).toBeLessThanOrEqual(80);
  }
}

test.each([apiProgram, updateSerialProgram])("$name has a plain help", async (program) => {
  for (const [mode, { load }] of Object.entries(program.verbs)) {
    expectPlain(verbHelp(program, mode, await load()));
  }
});

describe.each(programs.map((program) => [program.name, program] as const))(
  "%s",
  (name, program) => {
    test("its help has every mode and the version", () => {
      const help = programHelp(program);
      expectPlain(help);
      expect(help).toStartWith(`${name} ${VERSION}: `);
      for (const [mode, { summary }] of shownVerbs(program)) {
        expect(help).toMatch(
          new RegExp(`^  ${mode} +${summary.replace(/[()[\]]/g, "\\$&")}$`, "m"),
        );
      }
    });

    test("it has the modes of 0.8", () => {
      const modes = OLD_MODES[name] ?? [];
      expect(Object.keys(program.verbs)).toEqual(expect.arrayContaining([...modes]));
    });

    test("every option is of use to some mode", async () => {
      const used = new Set<string>();
      for (const { load } of Object.values(program.verbs)) {
        for (const option of Object.keys((await load()).options)) used.add(option);
      }
      expect(Object.keys(program.options).filter((option) => !used.has(option))).toEqual([]);
    });

    describe.each(Object.entries(program.verbs))("%s", (mode, entry) => {
      test("the verb's file says what the program's table says", async () => {
        const verb = await entry.load();
        for (const [option, definition] of Object.entries(verb.options)) {
          expect(Object.keys(program.options)).toContain(option);
          expect(definition.type, option).toBe(program.options[option]?.type as "string");
        }
      });

      test("its help shows usage, every option that is not hidden, and examples that begin right", async () => {
        const verb = await entry.load();
        const help = verbHelp(program, mode, verb);
        expectPlain(help);
        expect(help).toStartWith(`Usage: ${name} ${mode}`);
        expect(help).toContain(verb.details);
        for (const [option, { hidden, type }] of Object.entries(verb.options)) {
          const shown = new RegExp(
            `^  --${option}${type === "string" ? " <[^>]+>" : ""} `,
            "m",
          ).test(help);
          expect(shown, option).toBe(hidden !== true);
        }
        expect(verb.examples.length).toBeGreaterThan(0);
        for (const example of verb.examples) expect(example).toContain(`${name} ${mode}`);
      });

      test("its arity fits its usage line", async () => {
        const { arity, positionals } = await entry.load();
        const before = positionals.replace(/\[-- .*$/, "").trim();
        const ways = before.split(" | ").map((way) => way.split(/ +/).filter(Boolean));
        const needed = Math.min(
          ...ways.map((words) => words.filter((word) => !word.startsWith("[")).length),
        );
        expect(arity[0]).toBe(needed);
        if (before.includes("...")) expect(arity[1]).toBeGreaterThan(needed);
        else expect(arity[1]).toBe(Math.max(...ways.map(({ length }) => length)));
        expect(entry.takesScriptArgs === true).toBe(positionals.includes("[-- "));
      });
    });
  },
);
