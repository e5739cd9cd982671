/**
 * The folder of a job: what is true about it, for whichever process comes after this one. `job.jsonl` has a line for
 * each thing that is known: first what was asked for, then its start unless it ended at once, its end, and that this
 * was logged. Lines are only appended, each in one write: a separate file for each cost more than the script. Nothing
 * is synced to the disk: a job does not outlive its host anyway.
 */
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { systemCode } from "../../core/errors.ts";
import type { OutputStream, RunEnding } from "../../core/run-event.ts";
import { MAX_SHORT_FILE, readPlainFile } from "../../system/files/plain-file.ts";
import type { ProcessId } from "../../system/process/process-id.ts";
import { hideToken } from "./secret-spots.ts";

/** What the control host asked for, without the token. */
export interface JobRequest {
  readonly reqid: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly username: string;
  readonly peer_ip: string;
  /** The hub through which it came: `peer_ip` is its word. */
  readonly hub?: string | undefined;
  /** ISO 8601. */
  readonly asked: string;
}

/** The first line. */
export interface JobHead extends JobRequest {
  /** The process that starts it and writes its end. */
  readonly shim: ProcessId;
}

export interface JobStart {
  readonly root: ProcessId;
  /** ISO 8601. */
  readonly started: string;
  /** Its shim has had no other job since it started, and had no other child then. The last such line counts. */
  readonly alone?: true | undefined;
}

export interface JobCancel {
  readonly by: string;
  /** Milliseconds between TERM and KILL. */
  readonly graceMs: number;
  /** How many processes could not be ended; undefined until everything has been tried. */
  readonly left?: number;
}

/** What a line says. */
export type JobLine =
  | { readonly request: JobHead }
  | { readonly start: JobStart }
  | { readonly end: RunEnding }
  /** What could not be ended when the end was asked for. The last such line counts, even after all others. */
  | { readonly remains: readonly ProcessId[] }
  /** ACTION=run has been logged. */
  | { readonly logged: true };

/** A request may hold a megabyte of arguments, and JSON takes six bytes for some characters. */
const MAX_LINES = 8 * MAX_SHORT_FILE;

/** What a folder and its files cost a file system besides their blocks. */
const FOLDER_BYTES = 8192;

const BLOCK_BYTES = 4096;

export class JobFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get name(): string {
    return basename(this.path);
  }

  fileOf(stream: OutputStream): string {
    return join(this.path, stream);
  }

  /** Makes the folder. Returns the length of its lines. @throws the system's error */
  create(request: JobHead): number {
    mkdirSync(this.path, 0o700);
    return this.#begin(request);
  }

  /** The same if somebody has removed the folder, or only its lines. */
  createAnew(request: JobHead): number {
    mkdirSync(this.path, { mode: 0o700, recursive: true });
    return this.#begin(request);
  }

  /** Appends lines. @throws the system's error, also if somebody has removed the folder */
  add(...lines: readonly JobLine[]): void {
    this.#append(0, lines);
  }

  /** Bytes. */
  get linesLength(): number {
    return this.#size("job.jsonl");
  }

  /** The members of all lines together; none if there is no such file. */
  read(): Readonly<Record<string, unknown>> {
    return Object.assign({}, ...this.#readLines().map(membersIn));
  }

  writeCancel(cancel: JobCancel): void {
    const aside = join(this.path, "cancel.json.new");
    writeFileSync(aside, JSON.stringify(cancel), { mode: 0o600 });
    // So that nobody sees part of it.
    renameSync(aside, this.#cancel);
  }

  readCancel(): unknown {
    // Most have none, and throwing costs more than this check.
    if (!existsSync(this.#cancel)) return undefined;
    try {
      const { bytes } = readPlainFile(this.#cancel, { maxBytes: MAX_LINES, noLink: true });
      return JSON.parse(bytes.toString("utf8"));
    } catch {
      return undefined;
    }
  }

  /** Somebody has removed it, or the file that says what is known of the job. */
  get isMissing(): boolean {
    try {
      return statSync(this.#lines, { throwIfNoEntry: false }) === undefined;
    } catch (thrown) {
      return systemCode(thrown) === "ENOTDIR";
    }
  }

  /** When something was last put into it, as milliseconds since 1970; undefined if there is no folder. */
  get time(): number | undefined {
    return statSync(this.path, { throwIfNoEntry: false })?.mtimeMs;
  }

  /** Bytes in the file of each stream. */
  get kept(): Record<OutputStream, number> {
    return { stdout: this.#size("stdout"), stderr: this.#size("stderr") };
  }

  /**
   * Reads a stream from an offset on. Returns how many bytes it has put into the buffer.
   *
   * @param hide covers the caller's token where it was printed
   * @throws if there is no such file
   */
  readOutput(stream: OutputStream, offset: number, into: Uint8Array, hide: boolean): number {
    const path = this.fileOf(stream);
    const file = openSync(path, "r");
    try {
      const read = readSync(file, into, 0, into.length, offset);
      if (hide) hideToken(path, into.subarray(0, read), offset);
      return read;
    } finally {
      closeSync(file);
    }
  }

  /** If a folder was not removed completely, what is left has no lines, and is recognised by that. */
  remove(): void {
    try {
      rmSync(this.#lines, { force: true });
      rmSync(this.path, { recursive: true, force: true });
    } catch {
      // There is no such folder, or somebody has made it unremovable.
    }
  }

  get #lines(): string {
    return join(this.path, "job.jsonl");
  }

  get #cancel(): string {
    return join(this.path, "cancel.json");
  }

  #begin(request: JobHead): number {
    const { O_CREAT, O_EXCL } = constants;
    return this.#append(O_CREAT | O_EXCL, [{ request }]);
  }

  /** In one write. Returns its length. */
  #append(flags: number, lines: readonly JobLine[]): number {
    const text = Buffer.from(lines.map(textOf).join(""));
    const file = openSync(this.#lines, constants.O_WRONLY | constants.O_APPEND | flags, 0o600);
    try {
      if (writeSync(file, text) < text.length) throw Object.assign(new Error(), { code: "ENOSPC" });
      return text.length;
    } finally {
      closeSync(file);
    }
  }

  #size(file: string): number {
    try {
      return statSync(join(this.path, file), { throwIfNoEntry: false })?.size ?? 0;
    } catch {
      // Something else is where the folder was, or nobody may look into it any more.
      return 0;
    }
  }

  #readLines(): string[] {
    try {
      const { bytes } = readPlainFile(this.#lines, { maxBytes: MAX_LINES, noLink: true });
      return bytes.toString("utf8").split("\n");
    } catch {
      return [];
    }
  }
}

/** If a full disk has cut a line, the part that is there ends where the next line begins. */
function textOf(line: JobLine): string {
  return `\n${JSON.stringify(line)}`;
}

/** Nothing of a line that was cut. */
function membersIn(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The disk space that it takes, roughly. @param lines bytes, like its streams */
export function bytesOnDisk(
  lines: number,
  { stdout, stderr }: Record<OutputStream, number>,
): number {
  return FOLDER_BYTES + inBlocks(lines) + inBlocks(stdout) + inBlocks(stderr);
}

function inBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
