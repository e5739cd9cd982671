/** The mode `help` of a program: the same as --help, for people who expect a mode. */
import { defineVerb, type OptionDefs, type Program, unknownMode } from "./command/command.ts";
import { programHelp, verbHelp } from "./render/help.ts";

export function helpMode(program: Program) {
  return defineVerb({
    positionals: "[<mode>]",
    arity: [0, 1],
    options: {} satisfies OptionDefs,
    details: "The same as --help, alone or after a mode.",
    examples: [`${program.name} help`, `${program.name} help ${exampleMode(program)}`],
    async run({ positionals: [mode], io }) {
      if (mode === undefined) {
        io.out(programHelp(program));
        return 0;
      }
      const entry = Object.hasOwn(program.verbs, mode) ? program.verbs[mode] : undefined;
      if (entry === undefined) throw unknownMode(program, mode);
      io.out(verbHelp(program, mode, await entry.load()));
      return 0;
    },
  });
}

function exampleMode({ verbs }: Program): string {
  return Object.keys(verbs)[0] ?? "help";
}
