/** Runs that were withdrawn: they do not start any more, also under the next agent. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileProblem } from "../../system/files/files.ts";
import { openJobsFolder } from "./jobs-folder.ts";

/** In the folder of all jobs. */
const FILE = "withdrawn";

/** A control host withdraws a run only if its process has ended before its agent had answered, or it was cancelled. */
const MAX_WITHDRAWN = 10_000;

export class WithdrawnRuns {
  readonly #folder: string;
  /** The oldest first, and whether it is in the file. */
  readonly #reqids: Map<string, boolean>;
  #lines: number;

  constructor(folder: string) {
    this.#folder = folder;
    const reqids = reqidsIn(this.#file);
    this.#lines = reqids.length;
    this.#reqids = new Map(reqids.slice(-MAX_WITHDRAWN).map((reqid) => [reqid, true]));
  }

  has(reqid: string): boolean {
    return this.#reqids.has(reqid);
  }

  /** Returns why the next agent does not know it; undefined if it does. */
  add(reqid: string): string | undefined {
    const isNoted = this.#reqids.get(reqid) && existsSync(this.#file);
    const problem = isNoted ? undefined : this.#append(reqid);
    this.#reqids.set(reqid, problem === undefined);
    if (this.#reqids.size > MAX_WITHDRAWN) {
      const [oldest = ""] = this.#reqids.keys();
      this.#reqids.delete(oldest);
    }
    return problem;
  }

  /** To be called when the folder of all jobs may have been made anew. */
  noteAgain(): void {
    if (this.#reqids.size === 0 || existsSync(this.#file)) return;
    try {
      this.#shorten();
    } catch {
      // There is no room: the next agent knows of no run before its own start either.
    }
  }

  get #file(): string {
    return join(this.#folder, FILE);
  }

  #append(reqid: string): string | undefined {
    try {
      openJobsFolder(this.#folder);
      this.noteAgain();
      if (this.#lines >= 2 * MAX_WITHDRAWN) this.#shorten();
      const file = openSync(this.#file, "a", 0o600);
      try {
        // Part of a line that a full disk has cut ends here.
        const line = `\n${reqid}`;
        if (writeSync(file, line) < line.length)
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
    const reqids = [...this.#reqids.keys()];
    writeFileSync(aside, reqids.map((reqid) => `\n${reqid}`).join(""), { mode: 0o600 });
    renameSync(aside, this.#file);
    this.#lines = reqids.length;
  }
}

function reqidsIn(file: string): string[] {
  try {
    return readFileSync(file, "latin1")
      .split("\n")
      .filter((line) => /^[0-9a-f]{16}$/.test(line));
  } catch {
    return [];
  }
}
