/** Help texts, from the command table alone. */
import { VERSION } from "../../core/version.ts";
import { type AnyVerb, type OptionDefs, type Program, shownVerbs } from "../command/command.ts";
import { renderColumns } from "./table.ts";

export function programHelp(program: Program): string {
  const modes = shownVerbs(program).map(([name, { summary }]) => [name, summary]);
  return [
    `${program.name} ${VERSION}: ${program.summary}`,
    "",
    `Usage: ${program.name} <mode> [options] [args]`,
    "",
    "Modes:",
    renderColumns(modes),
    "",
    "Options of every mode:",
    renderColumns(GLOBAL_OPTIONS),
    "",
    `See "${program.name} <mode> --help" for a mode's options and examples.`,
    "",
  ].join("\n");
}

const GLOBAL_OPTIONS = [
  ["--help, -h", "Show the help of the program or the mode"],
  ["--version, -V", "Show the version"],
];

export function verbHelp(program: Program, mode: string, verb: AnyVerb): string {
  const options = optionRows(verb.options);
  const name = program.defaultVerb === mode ? program.name : `${program.name} ${mode}`;
  const usage = [name, options.length > 0 ? "[options]" : "", verb.positionals];
  return [
    `Usage: ${usage.filter((part) => part !== "").join(" ")}`,
    "",
    verb.details,
    "",
    ...(options.length > 0 ? ["Options:", renderColumns(options), ""] : []),
    ...(verb.examples.length > 0
      ? ["Examples:", ...verb.examples.map((line) => `  ${line}`), ""]
      : []),
  ].join("\n");
}

function optionRows(options: OptionDefs): string[][] {
  return Object.entries(options)
    .filter(([, option]) => option.hidden !== true)
    .map(([name, option]) => [
      option.type === "boolean" ? `--${name}` : `--${name} <${option.valueHint ?? "value"}>`,
      option.description,
    ]);
}
