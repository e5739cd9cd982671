/**
 * Judges a path step by step, as the kernel would walk it: can anybody except root and our own user change where it
 * leads (T13, T62)?
 *
 * The rule is that of sshd's StrictModes: every folder on the way, every link and the file itself belong to root or
 * to the user this program runs as, and nobody else can write to them. An ACL's entries stay within its mask, which
 * the group bits of the mode show. A folder that others can write to is acceptable only with the sticky bit (/tmp),
 * which keeps them from replacing what is not theirs, but not from adding what is not there yet. Then only those two
 * users can change where the path leads between the check and the use, so it can be used as it is spelled.
 */
import { accessSync, constants, lstatSync, readlinkSync, type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemCode } from "../../core/errors.ts";
import { fileProblem } from "./files.ts";

export type PathProblem =
  /** There is no such file, or it cannot be used; `code` is the system's error code. */
  | {
      readonly kind: "unusable";
      readonly problem: string;
      readonly remedy: string;
      readonly code: string;
    }
  /** Others could change it. */
  | { readonly kind: "refused"; readonly problem: string; readonly remedy: string };

/** `real` is the path with every link resolved. */
export type PathJudgement = { readonly kind: "good"; readonly real: string } | PathProblem;

/** A path whose end must be a program that this process may execute. @param path absolute */
export function judgeProgram(path: string): PathJudgement {
  const judged = judgePath(path);
  return judged.kind === "good" ? (executableProblem(judged.real) ?? judged) : judged;
}

/** Why this process may not execute the path; undefined when it may. */
export function executableProblem(path: string): PathProblem | undefined {
  try {
    accessSync(path, constants.X_OK);
    if (statSync(path).isFile()) return undefined;
    // chmod +x would not help.
    return {
      kind: "unusable",
      problem: `${path} is not a file`,
      remedy: "name the program itself",
      code: "EACCES",
    };
  } catch {
    // It may not be executed, which is as bad as none.
  }
  return {
    kind: "unusable",
    problem: `${path} is not executable`,
    remedy: `chmod +x ${path}`,
    code: "EACCES",
  };
}

const MAX_LINKS = 40;

/** Exceptions to the rule. */
export interface PathRule {
  /** Do not refuse because the group may write: that is reported elsewhere. */
  readonly groupMayWrite?: boolean;
}

/**
 * The real path, or the first thing on the way that breaks the rule.
 * @param path absolute
 * @param user the one with whose rights this program runs, whoever called it
 */
export function judgePath(path: string, user = ownUser(), rule: PathRule = {}): PathJudgement {
  const ahead = path.split("/");
  let current = "/";
  /** The folder that contains `here`, if it is sticky. */
  let sticky: Stats | undefined;
  let links = 0;
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    const here = join(current, name);
    const step = look(here);
    if ("kind" in step) return step;
    const { facts, target } = step;
    const isEntry = here !== current && name !== "..";
    const problem =
      ownerProblem(here, facts, user) ??
      (isEntry && sticky !== undefined ? placedProblem(here, facts, sticky) : undefined);
    if (problem !== undefined) return problem;
    if (target !== undefined) {
      links += 1;
      if (links > MAX_LINKS) return unusable(here, "too many symbolic links", "ELOOP");
      ahead.unshift(...target.split("/"));
      current = target.startsWith("/") ? "/" : dirname(here);
      continue;
    }
    const open = modeProblem(here, facts, rule);
    if (open !== undefined) return open;
    current = here;
    sticky = isOpen(facts) && isSticky(facts) ? facts : undefined;
  }
  return { kind: "good", real: current };
}

interface Step {
  readonly facts: Stats;
  /** Where a link leads. */
  readonly target: string | undefined;
}

/** The kernel's own file system, whose links lead elsewhere for each process. */
const PROC = "/proc";

function look(path: string): Step | PathProblem {
  if (path === PROC) {
    return {
      kind: "refused",
      problem: `${path}: what is below it differs from process to process`,
      remedy: "name the file by its own path",
    };
  }
  try {
    const facts = lstatSync(path);
    return { facts, target: facts.isSymbolicLink() ? readlinkSync(path) : undefined };
  } catch (thrown) {
    return unusable(path, fileProblem(thrown), systemCode(thrown));
  }
}

function unusable(path: string, problem: string, code: string): PathProblem {
  return {
    kind: "unusable",
    problem: `${path}: ${problem}`,
    remedy: code === "ENOENT" ? "put it there, or correct the line that names it" : `check ${path}`,
    code,
  };
}

function ownerProblem(path: string, { uid }: Stats, user: number): PathProblem | undefined {
  if (uid === 0 || uid === user) return undefined;
  return {
    kind: "refused",
    problem: `${path} belongs to user ${uid}, who could replace it`,
    remedy: `chown root ${path}`,
  };
}

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

function isOpen({ mode }: Stats): boolean {
  return (mode & (GROUP_WRITES | OTHERS_WRITE)) !== 0;
}

function ownUser(): number {
  return process.geteuid?.() ?? 0;
}

function isSticky(facts: Stats): boolean {
  return facts.isDirectory() && (facts.mode & STICKY) !== 0;
}

/** @param mode the bits of it that count */
export function describeWriters(mode: number): string {
  if ((mode & GROUP_WRITES) === 0) return "others";
  return (mode & OTHERS_WRITE) === 0 ? "its group" : "its group and others";
}

function modeProblem(path: string, facts: Stats, rule: PathRule): PathProblem | undefined {
  const writers = rule.groupMayWrite === true ? OTHERS_WRITE : GROUP_WRITES | OTHERS_WRITE;
  if ((facts.mode & writers) === 0 || isSticky(facts)) return undefined;
  const mode = (facts.mode & 0o7777).toString(8).padStart(4, "0");
  // Without the group's right, a folder of 0.8 would deny the agent its own files.
  const ofGroup = rule.groupMayWrite === true && facts.isDirectory();
  const chmod = ofGroup ? "chmod o-w" : "chmod go-w";
  return {
    kind: "refused",
    problem: `${path} can be written by ${describeWriters(facts.mode & writers)} (mode ${mode})`,
    remedy: `${chmod} ${path}`,
  };
}

/**
 * In a sticky folder the owner of something new proves little: others can give any file a second name (where
 * fs.protected_hardlinks is off), and can mount a file system of their own.
 */
function placedProblem(path: string, facts: Stats, sticky: Stats): PathProblem | undefined {
  const what = facts.isDirectory()
    ? facts.dev !== sticky.dev && "is mounted"
    : facts.nlink > 1 && "has a second name (a hard link)";
  if (what === false) return undefined;
  return {
    kind: "refused",
    problem: `${path} ${what}, in a folder that others can write to`,
    remedy: "put it in a folder that others cannot write to",
  };
}
