/** One executable, several programs: chosen by the name it is called by, or by the first argument. */

export const PROGRAMS = [
  "ctrl-exec",
  "ctrl-exec-agent",
  "ctrl-exec-api",
  "update-ctrl-exec-serial",
] as const;

/** What an agent starts for its scripts; no file has this name. */
const SHIM = "ctrl-exec-shim";

export type ProgramName = (typeof PROGRAMS)[number] | typeof SHIM;

export interface Invocation {
  readonly program: ProgramName;
  readonly args: readonly string[];
}

/** `ctrl-exec agent ...` is `ctrl-exec-agent ...`. */
const BY_FIRST_ARGUMENT: Readonly<Record<string, ProgramName>> = {
  agent: "ctrl-exec-agent",
  api: "ctrl-exec-api",
};

/**
 * Any other name means the controller: a renamed download must still work.
 * @param calledAs argv[0]: a path, a link's name, or whatever `exec -a` said
 * @param args everything after it
 */
export function selectProgram(calledAs: string, args: readonly string[]): Invocation {
  const name = calledAs.slice(calledAs.lastIndexOf("/") + 1);
  if (name === SHIM) return { program: SHIM, args };
  const named = PROGRAMS.find((program) => program === name);
  if (named !== undefined && named !== "ctrl-exec") return { program: named, args };
  const [first = "", ...rest] = args;
  const second = Object.hasOwn(BY_FIRST_ARGUMENT, first) ? BY_FIRST_ARGUMENT[first] : undefined;
  return second === undefined ? { program: "ctrl-exec", args } : { program: second, args: rest };
}
