/** Why a script could not be started, in words. */
import { shortageOf } from "../core/shortage.ts";

const START_PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: "it is not executable",
  ENOENT: "no such file, or its interpreter is missing",
  ENOEXEC: "it has no #! line and is no program",
  ETXTBSY: "it is being written (ETXTBSY); try again when that is done",
  E2BIG: "the arguments are longer than this system allows",
};

/** What the caller and the log are told. @param code of the system, or what was thrown instead */
export function startProblem(path: string, code: string): string {
  const shortage = shortageOf(code);
  const problem = START_PROBLEMS[code] ?? shortage?.problem ?? code;
  const next = shortage === undefined ? "" : ` on the agent; ${shortage.remedy}`;
  return `cannot execute ${path}: ${problem}${next}`;
}
