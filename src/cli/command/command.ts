/**
 * Makes citty strict: it accepts unknown options, lets the last of repeated ones win and consumes `--help`
 * after `--`. Here all of these are usage errors, options may stand before or after the mode and its arguments,
 * and everything after `--` is passed to the script.
 */
import type { ArgsDef } from "citty";
import { CtrlExecError } from "../../core/errors.ts";
import { nearestMatch } from "../../core/text.ts";
import type { Io } from "./io.ts";
import type { Ending } from "./stop-signals.ts";

export interface OptionDef {
  readonly type: "string" | "boolean";
  /** What a value looks like, for the help: `path`, `n`, `host`. */
  readonly valueHint?: string;
  readonly description: string;
  /** Left out of help and completions: for the program's own use. */
  readonly hidden?: boolean;
  /** May be given several times: then its value is the list of all. */
  readonly repeats?: true;
}

export type OptionDefs = Readonly<Record<string, OptionDef>>;

/** The input of a verb. */
export interface VerbInput<Options extends OptionDefs> {
  readonly options: ParsedOptions<Options>;
  readonly positionals: readonly string[];
  /** Everything after `--`; undefined when there was no `--`. */
  readonly scriptArgs: readonly string[] | undefined;
  readonly io: Io;
}

type ParsedOptions<Options extends OptionDefs> = {
  readonly [Name in keyof Options]: Options[Name] extends { readonly repeats: true }
    ? readonly string[]
    : Options[Name]["type"] extends "boolean"
      ? boolean
      : string | undefined;
};

export interface Verb<Options extends OptionDefs = OptionDefs> {
  /** Positional arguments as the usage line shows them: `<host>[:<port>]... <script> [-- <arg>...]`. */
  readonly positionals: string;
  /** How many positional arguments are accepted. */
  readonly arity: readonly [min: number, max: number];
  /** How many are needed if one of these options is given, which says what the others would. */
  readonly leastWith?: Readonly<Record<string, number>>;
  readonly options: Options;
  /** Paragraphs below the usage line. */
  readonly details: string;
  readonly examples: readonly string[];
  run(input: VerbInput<Options>): Promise<Ending>;
}

/** Keeps the types of a verb's options. */
export function defineVerb<const Options extends OptionDefs>(verb: Verb<Options>): Verb<Options> {
  return verb;
}

/** A verb of any options, as a program's table holds it. */
export interface AnyVerb extends Omit<Verb, "run"> {
  run(input: never): Promise<Ending>;
}

export interface VerbEntry {
  /** One line, for the list of modes. */
  readonly summary: string;
  /** Left out of help, completions and man pages: for the program's own use. */
  readonly hidden?: boolean;
  /** True when `--` and what follows it have a meaning. */
  readonly takesScriptArgs?: boolean;
  /** Serves until it is told to stop. */
  readonly runsLong?: boolean;
  /** Loads the verb's file: only the one that runs is loaded. */
  load(): Promise<AnyVerb>;
}

export interface Program {
  readonly name: string;
  readonly summary: string;
  /** Every option of every verb, so that a value before the mode is not taken for the mode. */
  readonly options: OptionDefs;
  readonly verbs: Readonly<Record<string, VerbEntry>>;
  /** The verb that runs when none is named; undefined when one must be. */
  readonly defaultVerb?: string;
}

/** The modes that the help shows. */
export function shownVerbs(program: Program): [string, VerbEntry][] {
  return Object.entries(program.verbs).filter(([, { hidden }]) => hidden !== true);
}

export interface CommandLine {
  readonly mode: string | undefined;
  /** Options in the order given: canonical name and value. */
  readonly given: readonly GivenOption[];
  readonly positionals: readonly string[];
  readonly scriptArgs: readonly string[] | undefined;
  readonly help: boolean;
  readonly version: boolean;
}

interface GivenOption {
  readonly name: string;
  readonly value: string | true;
}

/** Splits a command line by the option table of its program. @throws CtrlExecError `usage` */
export function splitCommandLine(program: Program, args: readonly string[]): CommandLine {
  const given: GivenOption[] = [];
  const words: string[] = [];
  let help = false;
  let version = false;
  let scriptArgs: readonly string[] | undefined;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    if (arg === "--") {
      scriptArgs = args.slice(index + 1);
      break;
    }
    if (arg === "--help" || arg === "-h") help = true;
    else if (arg === "--version" || arg === "-V") version = true;
    else if (!arg.startsWith("-") || arg === "-") words.push(arg);
    else {
      const option = readOption(program, args, index);
      if (option.tookNext) index += 1;
      const mayRepeat = program.options[option.name]?.repeats === true;
      if (!mayRepeat && given.some(({ name }) => name === option.name)) {
        throw usageError(helpFor(program, args), `--${option.name} is given more than once`);
      }
      given.push(option);
    }
  }
  const [mode, ...positionals] = withMode(program, words);
  return { mode, given, positionals, scriptArgs, help, version };
}

/** If the program has a default mode, only the others need to be named. */
function withMode({ defaultVerb, verbs }: Program, words: readonly string[]): readonly string[] {
  const [first = ""] = words;
  if (defaultVerb === undefined || (first !== defaultVerb && Object.hasOwn(verbs, first))) {
    return words;
  }
  return [defaultVerb, ...words];
}

/** The mode whose help lists the options: the first word that names one. */
function helpFor(program: Program, args: readonly string[]): string {
  const mode = modeIn(program, args);
  return mode === undefined || mode === program.defaultVerb
    ? program.name
    : `${program.name} ${mode}`;
}

function modeIn(program: Program, args: readonly string[]): string | undefined {
  const end = args.indexOf("--");
  const typed = end < 0 ? args : args.slice(0, end);
  return typed.find((word) => shownVerbs(program).some(([name]) => name === word));
}

function readOption(
  program: Program,
  args: readonly string[],
  index: number,
): GivenOption & { readonly tookNext: boolean } {
  const [arg = "", next] = args.slice(index);
  const where = helpFor(program, args);
  const [, name = "", inline] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(arg) ?? [];
  const option = Object.hasOwn(program.options, name) ? program.options[name] : undefined;
  if (option === undefined) throw unknownOption(program, args, arg);
  if (option.type === "boolean") {
    if (inline !== undefined) throw usageError(where, `--${name} takes no value`);
    return { name, value: true, tookNext: false };
  }
  const value = inline ?? next;
  if (value === undefined || (inline === undefined && next === "--")) {
    throw usageError(where, `--${name} needs a value <${option.valueHint ?? "value"}>`);
  }
  return { name, value, tookNext: inline === undefined };
}

/** Checks the command line against the one verb and runs it. */
export async function runVerb(
  program: Program,
  mode: string,
  verb: AnyVerb,
  line: CommandLine,
  io: Io,
): Promise<Ending> {
  const where = program.defaultVerb === mode ? program.name : `${program.name} ${mode}`;
  const takesScriptArgs = program.verbs[mode]?.takesScriptArgs === true;
  for (const { name } of line.given) {
    // Global options too: one that is ignored would seem to have been obeyed.
    if (!Object.hasOwn(verb.options, name)) {
      const mayBeTheScripts = takesScriptArgs && line.scriptArgs === undefined;
      const more = mayBeTheScripts ? FORGOTTEN_MARK : "";
      throw usageError(where, `${where} does not take --${name}${more}`);
    }
  }
  if (line.scriptArgs !== undefined && !takesScriptArgs) {
    throw usageError(where, `${where} takes nothing after --`);
  }
  const [usual, max] = verb.arity;
  const min = Math.min(usual, ...line.given.map(({ name }) => verb.leastWith?.[name] ?? usual));
  if (line.positionals.length < min) {
    throw usageError(where, `${mode} needs ${verb.positionals}`);
  }
  if (line.positionals.length > max) {
    const extra = line.positionals[max] ?? "";
    const takes = verb.positionals === "" ? "no arguments" : verb.positionals;
    const subject = where === program.name ? where : mode;
    throw usageError(where, `unexpected argument "${extra}": ${subject} takes ${takes}`);
  }
  const input = {
    options: await parseOptions(verb.options, line.given),
    positionals: line.positionals,
    scriptArgs: line.scriptArgs,
    io,
  };
  // The options were parsed by the verb's own table, so they have the type of its input.
  return await verb.run(input as never);
}

async function parseOptions(
  options: OptionDefs,
  given: readonly GivenOption[],
): Promise<Record<string, unknown>> {
  // Loaded here so that --version does not wait for it.
  const { parseArgs } = await import("citty");
  const definitions: ArgsDef = {};
  for (const [name, { type }] of Object.entries(options)) definitions[name] = { type };
  // Those without a value have nothing to parse, and citty takes --no-live for the opposite of --live.
  const normalised = given.flatMap(({ name, value }) =>
    value === true ? [] : [`--${name}=${value}`],
  );
  const parsed: Record<string, unknown> = parseArgs(normalised, definitions);
  // Only the table's own names: citty adds each option again in camel case.
  return Object.fromEntries(
    Object.entries(options).map(([name, { type, repeats }]) => {
      const all = given.filter((option) => option.name === name);
      if (repeats === true) return [name, all.map(({ value }) => value)];
      return [name, type === "boolean" ? all.length > 0 : parsed[name]];
    }),
  );
}

export function unknownMode(program: Program, mode: string): CtrlExecError {
  const guess = nearestMatch(
    mode,
    shownVerbs(program).map(([name]) => name),
  );
  return usageError(program.name, `Unknown mode "${mode}"${didYouMean(guess)}`);
}

function unknownOption(program: Program, args: readonly string[], arg: string): CtrlExecError {
  const [typed = ""] = arg.replace(/^-+/, "").split("=");
  const shown = Object.keys(program.options).filter((name) => !program.options[name]?.hidden);
  const guess = nearestMatch(typed, shown);
  const entry = program.verbs[modeIn(program, args) ?? ""];
  const mayBeTheScripts = entry?.takesScriptArgs === true && !args.includes("--");
  const more = mayBeTheScripts ? FORGOTTEN_MARK : "";
  const better = didYouMean(guess === undefined ? undefined : `--${guess}`);
  return usageError(helpFor(program, args), `Unknown option ${arg.split("=")[0]}${better}${more}`);
}

/** Added to a complaint about an option: it may be meant for the script. */
const FORGOTTEN_MARK = " (the script's own options go after --)";

function didYouMean(guess: string | undefined): string {
  return guess === undefined ? "" : `; did you mean ${guess}?`;
}

/** @param where the program, and the mode if the mode's own help says more */
function usageError(where: string, message: string): CtrlExecError {
  return new CtrlExecError("usage", message, { hint: `See: ${where} --help` });
}
