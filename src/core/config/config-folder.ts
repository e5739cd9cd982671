/** The folders beside ctrl-exec.conf: which of their files count. Pure. */
import { CtrlExecError } from "../errors.ts";

/** Something wrong in such a folder: what other modes refuse, or a file that does nothing. */
export interface FolderProblem {
  /** `groups.d`, `join.d` or `notify.d`. */
  readonly folder: string;
  readonly problem: unknown;
}

/** Those that count. */
export function tomlFiles(names: readonly string[]): string[] {
  return names.filter((name) => /^[^.].*\.toml$/.test(name));
}

/**
 * One for each file that counts for nothing although its name looks as if it were meant to: `pager.conf`. A README, and what
 * editors and packages leave (`pager.toml~`, `pager.toml.bak`), are not.
 */
export function strayProblems(path: string, names: readonly string[]): CtrlExecError[] {
  return names
    .filter((name) => !/^\.|^README|\.toml$|\.toml[^A-Za-z0-9]/.test(name))
    .map((name) => {
      const message = `${path}/${name} counts for nothing: its name does not end in .toml`;
      const stem = name.replace(/\.[^.]*$/, "");
      return new CtrlExecError("config", message, { hint: `Name it ${stem}.toml, or remove it.` });
    });
}
