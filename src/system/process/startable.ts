/** Whether the system could start a file, judged by its first bytes, as execve(2) does, before anybody runs it. */
import { accessSync, closeSync, constants, openSync, readSync } from "node:fs";
import { systemCode } from "../../core/errors.ts";
import { NO_PROGRAM } from "../../core/start-failure.ts";
import {
  executableProblem,
  judgeProgram,
  type PathJudgement,
  type PathProblem,
} from "../files/trusted-path.ts";
import { baseEnvironment } from "./start-program.ts";

/** Linux reads no more of a file to recognise it (BINPRM_BUF_SIZE). */
const READ_BYTES = 256;

/**
 * Why a run would fail at its start; undefined if nothing is wrong. A format that is neither a script nor text
 * is left to the system, which may know more than its own (binfmt_misc).
 *
 * @param path of a file that this process may execute
 */
export function startableProblem(path: string): PathProblem | undefined {
  const start = beginningOf(path);
  if (start === undefined || start.includes(0)) return undefined;
  const text = start.toString("latin1");
  const line = /^#![ \t]*([^ \t\n]+)[ \t]*([^\n]*)/.exec(text);
  if (line === null) {
    const remedy = "begin it with #!/bin/sh, or with the line of its own interpreter";
    return unstartable(`${path}: ${NO_PROGRAM}`, remedy, "ENOEXEC");
  }
  const [, interpreter = "", argument = ""] = line;
  return interpreterProblem(path, interpreter) ?? searchedProblem(path, interpreter, argument);
}

/** A path whose end this process may execute, and the system could start. @param path absolute */
export function judgeStartable(path: string): PathJudgement {
  const judged = judgeProgram(path);
  return judged.kind === "good" ? (startableProblem(judged.real) ?? judged) : judged;
}

/** Undefined when it cannot be read: a program need not be readable. */
function beginningOf(path: string): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(READ_BYTES);
    return bytes.subarray(0, readSync(file, bytes));
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

function interpreterProblem(path: string, interpreter: string): PathProblem | undefined {
  if (interpreter.endsWith("\r")) return carriageReturn(path);
  // A run starts in /.
  const file = interpreter.startsWith("/") ? interpreter : `/${interpreter}`;
  try {
    accessSync(file, constants.F_OK);
  } catch (thrown) {
    return missing(path, interpreter, systemCode(thrown));
  }
  const problem = executableProblem(file);
  return (
    problem && {
      ...problem,
      problem: `${path}: its interpreter cannot be used: ${problem.problem}`,
    }
  );
}

/** `#!/usr/bin/env python3` always starts, but the script does not if env finds no python3. */
function searchedProblem(
  path: string,
  interpreter: string,
  argument: string,
): PathProblem | undefined {
  const name = argument.trimEnd();
  if (
    !/^\/(usr\/)?bin\/env$/.test(interpreter) ||
    !/^[\w.+-]+$/.test(name) ||
    name.startsWith("-")
  ) {
    return undefined;
  }
  if (argument.endsWith("\r")) return carriageReturn(path);
  const folders = (baseEnvironment().PATH ?? "").split(":");
  const isThere = folders.some((folder) => executableProblem(`${folder}/${name}`) === undefined);
  return isThere ? undefined : missing(path, name, "ENOENT");
}

function carriageReturn(path: string): PathProblem {
  const problem = `${path}: its lines end with CRLF, as on Windows, so its interpreter is not found`;
  return unstartable(problem, `sed -i 's/\\r$//' ${path}`, "ENOENT");
}

function missing(path: string, interpreter: string, code: string): PathProblem {
  const problem = `${path}: its interpreter is missing: ${interpreter}`;
  return unstartable(problem, `install ${interpreter}, or correct the script's #! line`, code);
}

function unstartable(problem: string, remedy: string, code: string): PathProblem {
  return { kind: "unusable", problem, remedy, code };
}
