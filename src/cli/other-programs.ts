/** A mode of one program that was typed at another: three programs with one binary are easily taken for each other. */
import { CtrlExecError } from "../core/errors.ts";
import { agentProgram } from "./agent/program.ts";
import { apiProgram } from "./api/program.ts";
import { type Program, shownVerbs } from "./command/command.ts";
import { controllerProgram } from "./controller/program.ts";

/** Each program, and where it is called. */
const PROGRAMS: readonly (readonly [program: Program, where: string])[] = [
  [controllerProgram, "on the control host"],
  [agentProgram, "on the managed host"],
  [apiProgram, "on the control host"],
];

/** @returns what to say instead of another usage error; undefined if the mode is no other program's */
export function modeElsewhere(name: string, args: readonly string[]): CtrlExecError | undefined {
  const own = PROGRAMS.find(([program]) => program.name === name)?.[0];
  if (own === undefined) return undefined;
  const mode = typedMode(args);
  if (mode === undefined || hasMode(own, mode)) return undefined;
  const others = PROGRAMS.filter(([program]) => program !== own && hasMode(program, mode));
  if (others.length === 0) return undefined;
  const names = others.map(([{ name }, where]) => `${name}, ${where}`).join(", and ");
  const hint = others.map(([program]) => `See: ${program.name} ${mode} --help`).join("\n");
  return new CtrlExecError("usage", `Unknown mode "${mode}": it is a mode of ${names}`, { hint });
}

/** The first word that one of them knows, if only options and their values come before it. */
function typedMode(args: readonly string[]): string | undefined {
  let mayBeValue = false;
  for (const arg of args) {
    if (arg === "--") return undefined;
    if (arg.startsWith("-")) mayBeValue = !arg.includes("=");
    else if (arg !== "help") {
      if (PROGRAMS.some(([program]) => hasMode(program, arg))) return arg;
      if (!mayBeValue) return undefined;
      mayBeValue = false;
    }
  }
  return undefined;
}

function hasMode(program: Program, mode: string): boolean {
  return shownVerbs(program).some(([name]) => name === mode);
}
