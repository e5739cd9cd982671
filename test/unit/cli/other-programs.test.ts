import { describe, expect, test } from "bun:test";
import { agentProgram } from "../../../src/cli/agent/program.ts";
import { apiProgram } from "../../../src/cli/api/program.ts";
import { shownVerbs } from "../../../src/cli/command/command.ts";
import { controllerProgram } from "../../../src/cli/controller/program.ts";
import { modeElsewhere } from "../../../src/cli/other-programs.ts";

const PROGRAMS = [controllerProgram, agentProgram, apiProgram];
const modesOf = (program: (typeof PROGRAMS)[number]) => shownVerbs(program).map(([mode]) => mode);

describe.each(PROGRAMS)("typed at $name", (program) => {
  const own = modesOf(program);
  test.each([...new Set(PROGRAMS.flatMap(modesOf))])("%s", (mode) => {
    const error = modeElsewhere(program.name, [mode, "--no-such"]);
    if (own.includes(mode)) {
      expect(error).toBeUndefined();
      return;
    }
    const others = PROGRAMS.filter((other) => modesOf(other).includes(mode));
    expect(error?.message).toStartWith(`Unknown mode "${mode}": it is a mode of `);
    expect(error).toMatchObject({
      code: "usage",
      hint: others.map(({ name }) => `See: ${name} ${mode} --help`).join("\n"),
    });
    for (const { name } of others) {
      const where = name === "ctrl-exec-agent" ? "managed" : "control";
      expect(error?.message).toContain(` ${name}, on the ${where} host`);
    }
  });
});

test.each([
  [["run", "web-01", "serve"]],
  [["help", "run"]],
  [["--config", "x"]],
  [["--", "serve"]],
  [["xyzzy", "constructor"]],
  [["rum", "web-01", "serve"]],
  [["--log=x", "y", "serve"]],
  [[]],
])("nothing is said of %j at ctrl-exec", (args) => {
  expect(modeElsewhere("ctrl-exec", args)).toBeUndefined();
});

test("nor by the program that has no modes", () => {
  expect(modeElsewhere("update-ctrl-exec-serial", ["run"])).toBeUndefined();
});
