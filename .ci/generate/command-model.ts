/** The command tables as plain data: what completions and man pages are made from. */
import { agentProgram } from "../../src/cli/agent/program.ts";
import { apiProgram } from "../../src/cli/api/program.ts";
import {
  type AnyVerb,
  type OptionDef,
  type Program,
  shownVerbs,
} from "../../src/cli/command/command.ts";
import { controllerProgram } from "../../src/cli/controller/program.ts";

export interface ModeModel {
  readonly name: string;
  readonly summary: string;
  readonly verb: AnyVerb;
  readonly options: readonly OptionModel[];
  readonly takes: Takes;
}

/** What follows a mode: registered hosts, hosts and then a script, and so on. */
export type Takes =
  | "nothing"
  | "hosts"
  | "groups"
  | "run"
  | "runs"
  | "run-hosts"
  | "cancel-hosts"
  | "runs-to-pause"
  | "runs-to-continue"
  | "modes"
  | "tags"
  | "requests"
  | "tokens"
  | "assets";

export interface OptionModel {
  readonly name: string;
  readonly description: string;
  /** Undefined for a switch. */
  readonly value: ValueKind | undefined;
  readonly valueHint: string | undefined;
}

/** How a value is completed: a path, a host expression, one of a few words, or not at all. */
export type ValueKind =
  | "file"
  | "hosts"
  | "scripts"
  | "runs-to-resume"
  | "tag-bounds"
  | "none"
  | { readonly words: readonly string[] };

export interface ProgramModel {
  readonly program: Program;
  readonly modes: readonly ModeModel[];
  /** Every option of the program that a person is told of. */
  readonly options: readonly OptionModel[];
}

export async function programModels(): Promise<ProgramModel[]> {
  return await Promise.all([controllerProgram, agentProgram, apiProgram].map(modelOf));
}

async function modelOf(program: Program): Promise<ProgramModel> {
  const modes = await Promise.all(
    shownVerbs(program).map(async ([name, entry]) => {
      const verb = await entry.load();
      return {
        name,
        summary: entry.summary,
        verb,
        options: optionModels(verb.options),
        takes: takes(name, verb.positionals),
      };
    }),
  );
  return { program, modes, options: optionModels(program.options) };
}

function optionModels(options: Readonly<Record<string, OptionDef>>): OptionModel[] {
  return Object.entries(options)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([name, { type, description, valueHint }]) => ({
      name,
      description,
      value: type === "boolean" ? undefined : valueKind(valueHint ?? ""),
      valueHint: type === "boolean" ? undefined : (valueHint ?? "value"),
    }));
}

function valueKind(hint: string): ValueKind {
  if (hint === "path") return "file";
  if (hint === "failed") return { words: ["failed"] };
  if (hint === "hosts") return "hosts";
  if (hint === "script") return "scripts";
  if (hint === "reqid") return "runs-to-resume";
  if (hint === "tag=n") return "tag-bounds";
  if (hint === "where") return { words: ["syslog", "stderr"] };
  if (/^[a-z0-9]+(\|[a-z0-9]+)+$/.test(hint)) return { words: hint.split("|") };
  return "none";
}

function takes(mode: string, positionals: string): Takes {
  if (positionals.includes("<script>")) return "run";
  if (positionals.includes("<key>")) return "tags";
  // The id of a pairing request is another: no run has it.
  if (mode === "token") return "tokens";
  if (mode === "approve" || mode === "deny") return "requests";
  if (mode === "cancel") return "cancel-hosts";
  if (mode === "pause" || mode === "continue") return `runs-to-${mode}`;
  if (positionals.startsWith("<reqid>"))
    return positionals.includes("<host") ? "run-hosts" : "runs";
  if (positionals.includes("<host")) return "hosts";
  if (positionals.includes("<group")) return "groups";
  if (positionals === "[<mode>]") return "modes";
  if (positionals.startsWith("<list|")) return "assets";
  return "nothing";
}
