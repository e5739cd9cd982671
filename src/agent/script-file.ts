/**
 * Judges the file behind an allowlisted name, step by step as the kernel would walk the path (T13).
 *
 * The rule is that of sshd's StrictModes: every folder on the way, every link and the file itself
 * belong to root or to the user this agent runs as, and nobody else can write to them. A folder
 * that others can write to is good only with the sticky bit (/tmp), which keeps them from replacing
 * what is not theirs. Then nobody but those two users can change what the path means between the
 * check and the run, and the script can be run by the path it is listed under: its $0 stays.
 */
import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { systemCode } from "../core/errors.ts";
import { fileProblem } from "../system/files.ts";

export type ScriptJudgement =
  /** `real` is the path with every link resolved. */
  | { readonly kind: "good"; readonly real: string }
  /** There is no such file, or it is none that can be executed. */
  | { readonly kind: "unusable"; readonly problem: string; readonly remedy: string }
  /** Others could change it. */
  | { readonly kind: "refused"; readonly problem: string; readonly remedy: string }
  /** It is in none of `script_dirs`. */
  | { readonly kind: "outside"; readonly problem: string; readonly remedy: string };

type Problem = Exclude<ScriptJudgement, { kind: "good" }>;

const MAX_LINKS = 40;

/**
 * @param path absolute
 * @param dirs `script_dirs`; undefined allows every place
 * @param uid the user this agent runs as
 */
export function judgeScript(
  path: string,
  dirs: readonly string[] | undefined,
  uid: number,
): ScriptJudgement {
  const walked = walk(path, uid);
  if (typeof walked !== "string" && walked.kind === "refused") return walked;
  // What is not there yet is judged by the path it would have.
  const real = typeof walked === "string" ? walked : normalize(path);
  if (dirs !== undefined && !dirs.some((dir) => contains(dir, real, uid))) {
    return {
      kind: "outside",
      problem: `${path} is not in one of script_dirs`,
      remedy: "move the script there, or add its folder to script_dirs in agent.conf",
    };
  }
  return typeof walked === "string" ? { kind: "good", real } : walked;
}

/** Both sides with every link resolved, so that neither a link nor `..` leads out. */
function contains(dir: string, real: string, uid: number): boolean {
  const walked = walk(dir, uid);
  return typeof walked === "string" && real.startsWith(walked === "/" ? "/" : `${walked}/`);
}

/** The real path, or the first thing on the way that is not as it must be. */
function walk(path: string, uid: number): string | Problem {
  const ahead = path.split("/");
  let current = "/";
  let links = 0;
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    const here = name === "" || name === "." ? current : join(current, name);
    let facts: Stats;
    try {
      facts = lstatSync(here);
      if (facts.isSymbolicLink()) {
        const problem = ownerProblem(here, facts, uid);
        if (problem !== undefined) return problem;
        links += 1;
        if (links > MAX_LINKS) return unusable(here, "too many symbolic links");
        const target = readlinkSync(here);
        ahead.unshift(...target.split("/"));
        current = target.startsWith("/") ? "/" : dirname(here);
        continue;
      }
    } catch (thrown) {
      return unusable(here, fileProblem(thrown), systemCode(thrown));
    }
    const problem = ownerProblem(here, facts, uid) ?? modeProblem(here, facts);
    if (problem !== undefined) return problem;
    current = here;
  }
  return current;
}

function unusable(path: string, problem: string, code = ""): Problem {
  return {
    kind: "unusable",
    problem: `${path}: ${problem}`,
    remedy: code === "ENOENT" ? "put the script there, or take it off the list" : `check ${path}`,
  };
}

function ownerProblem(path: string, { uid: owner }: Stats, uid: number): Problem | undefined {
  if (owner === 0 || owner === uid) return undefined;
  return {
    kind: "refused",
    problem: `${path} belongs to user ${owner}, who could replace it`,
    remedy: `chown root ${path}`,
  };
}

const GROUP_OR_OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

function modeProblem(path: string, facts: Stats): Problem | undefined {
  if ((facts.mode & GROUP_OR_OTHERS_WRITE) === 0) return undefined;
  if (facts.isDirectory() && (facts.mode & STICKY) !== 0) return undefined;
  const mode = (facts.mode & 0o7777).toString(8).padStart(4, "0");
  return {
    kind: "refused",
    problem: `${path} can be written by others (mode ${mode})`,
    remedy: `chmod go-w ${path}`,
  };
}
