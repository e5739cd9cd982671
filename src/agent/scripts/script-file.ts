/** Judges the file of an allowlisted name: who could change it, and `script_dirs` (T13). */
import { normalize } from "node:path";
import { judgePath, type PathJudgement } from "../../system/files/trusted-path.ts";
import { suspectedOption } from "./allowlist.ts";

export type ScriptJudgement =
  | PathJudgement
  /** It is in none of `script_dirs`. */
  | { readonly kind: "outside"; readonly problem: string; readonly remedy: string };

/**
 * @param path absolute
 * @param dirs `script_dirs`; undefined allows every folder
 * @param user as in judgePath
 */
export function judgeScript(
  path: string,
  dirs: readonly string[] | undefined,
  user?: number,
): ScriptJudgement {
  const judged = judgePath(path, user);
  if (judged.kind === "refused") return judged;
  // A file that does not exist yet is judged by the path that it would have.
  const real = judged.kind === "good" ? judged.real : normalize(path);
  if (dirs === undefined || dirs.some((dir) => contains(dir, real, user))) return judged;
  return {
    kind: "outside",
    problem: `${path} is not in one of script_dirs`,
    remedy: "move the script there, or add its folder to script_dirs in agent.conf",
  };
}

/** Compares with every link resolved on both sides, so that neither a link nor `../..` leads out. */
function contains(dir: string, real: string, user: number | undefined): boolean {
  const judged = judgePath(dir, user);
  if (judged.kind !== "good") return false;
  return real.startsWith(judged.real === "/" ? "/" : `${judged.real}/`);
}

/**
 * For a missing script: what is wrong with its line in scripts.conf, if that can be seen (a mistyped option).
 */
export function lineProblem(path: string, judged: ScriptJudgement): string | undefined {
  const isMissing = judged.kind === "unusable" && judged.code === "ENOENT";
  return isMissing ? suspectedOption(path) : undefined;
}
