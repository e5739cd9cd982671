/** Runs that were withdrawn: they do not start any more, not even under the next agent. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { MAX_WORD } from "../../core/wire/limits.ts";
import { fileProblem } from "../../system/files/files.ts";
import { readPlainFile } from "../../system/files/plain-file.ts";
import { openJobsFolder } from "./jobs-folder.ts";

/** In the folder of all jobs. */
const FILE = "withdrawn";

/**
 * A control host withdraws a run only if its process ended before the agent had answered, or if the run was
 * cancelled.
 */
const MAX_WITHDRAWN = 10_000;

interface Noted {
  /** Who has cancelled it; empty if that is not known. */
  readonly by: string;
  readonly isInFile: boolean;
}

export class WithdrawnRuns {
  readonly #folder: string;
  /** The oldest first. */
  readonly #runs: Map<string, Noted>;
  #lines: number;

  constructor(folder: string) {
    this.#folder = folder;
    const lines = linesIn(this.#file);
    this.#lines = lines.length;
    this.#runs = new Map(
      lines.slice(-MAX_WITHDRAWN).map(({ reqid, by }) => [reqid, { by, isInFile: true }]),
    );
  }

  /** Who has cancelled it, empty if that is not known; undefined if it was not withdrawn. */
  by(reqid: string): string | undefined {
    return this.#runs.get(reqid)?.by;
  }

  /** The first to withdraw it counts. Returns why the next agent does not know about it; undefined if it does. */
  add(reqid: string, name: string): string | undefined {
    const before = this.#runs.get(reqid);
    const by = before?.by ?? name.slice(0, MAX_WORD).toWellFormed();
    const isNoted = before?.isInFile && existsSync(this.#file);
    const problem = isNoted ? undefined : this.#append(lineOf(reqid, by));
    this.#runs.set(reqid, { by, isInFile: problem === undefined });
    if (this.#runs.size > MAX_WITHDRAWN) {
      const [oldest = ""] = this.#runs.keys();
      this.#runs.delete(oldest);
    }
    return problem;
  }

  /** Must be called when the folder of all jobs may have been made again. */
  noteAgain(): void {
    if (this.#runs.size === 0 || existsSync(this.#file)) return;
    try {
      this.#shorten();
    } catch {
      // There is no room: the next agent does not know about runs before its own start either.
    }
  }

  get #file(): string {
    return join(this.#folder, FILE);
  }

  #append(line: string): string | undefined {
    try {
      openJobsFolder(this.#folder);
      this.noteAgain();
      if (this.#lines >= 2 * MAX_WITHDRAWN) this.#shorten();
      const file = openSync(this.#file, "a", 0o600);
      try {
        if (writeSync(file, line) < Buffer.byteLength(line))
          throw Object.assign(new Error(), { code: "ENOSPC" });
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      this.#lines += 1;
      return undefined;
    } catch (thrown) {
      return `Cannot write ${this.#file}: ${fileProblem(thrown)}`;
    }
  }

  #shorten(): void {
    const aside = `${this.#file}.new`;
    const lines = [...this.#runs].map(([reqid, { by }]) => lineOf(reqid, by));
    writeFileSync(aside, lines.join(""), { mode: 0o600 });
    renameSync(aside, this.#file);
    this.#lines = lines.length;
  }
}

/**
 * If a full disk has cut a line, the part that is there ends before this one. A name is written as JSON, because it
 * may contain a line break.
 */
function lineOf(reqid: string, by: string): string {
  return by === "" ? `\n${reqid}` : `\n${reqid} ${JSON.stringify(by)}`;
}

function linesIn(file: string): { readonly reqid: string; readonly by: string }[] {
  try {
    return readPlainFile(file, { noLink: true })
      .bytes.toString("utf8")
      .split("\n")
      .flatMap((line) => {
        const [, reqid, name] = /^([0-9a-f]{16})(?: (".*"))?$/.exec(line) ?? [];
        return reqid === undefined ? [] : [{ reqid, by: nameIn(name) }];
      });
  } catch {
    return [];
  }
}

function nameIn(json = '""'): string {
  try {
    return String(JSON.parse(json));
  } catch {
    return "";
  }
}
