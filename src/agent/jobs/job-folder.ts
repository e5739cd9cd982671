/**
 * The folder of a job: what is true about it, for whoever comes after this process. `request.json` is its first
 * file and `logged` its last. Nothing is synced to the disk: a job does not outlive its host anyway.
 */
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { OUTPUT_STREAMS, type OutputStream, type RunEnding } from "../../core/run-event.ts";
import { MAX_SHORT_FILE, readPlainFile } from "../../system/files/plain-file.ts";
import type { ProcessId } from "../../system/process/process-id.ts";

/** A signal ended the script, or it could not be executed (docs/PROTOCOL.md, section 2). */
export const EXIT_NOT_EXECUTED = 126;

/** What the control host asked for, without the token. */
export interface JobRequest {
  readonly reqid: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly username: string;
  readonly peer_ip: string;
  /** ISO 8601. */
  readonly asked: string;
}

/** The first file. */
export interface JobHead extends JobRequest {
  /** Who starts it and writes its end. */
  readonly shim: ProcessId;
}

export interface JobStart {
  readonly root: ProcessId;
  /** ISO 8601. */
  readonly started: string;
}

export interface JobCancel {
  readonly by: string;
  /** Milliseconds between TERM and KILL. */
  readonly graceMs: number;
  /** How many processes could not be ended; undefined until all has been tried. */
  readonly left?: number;
}

/** A request may hold a megabyte of arguments, and JSON takes six bytes for some characters. */
const MAX_REQUEST = 8 * MAX_SHORT_FILE;

/** A folder, its small files, and what they cost a file system. */
const SMALL_FILES_BYTES = 16_384;

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

  /** Makes the folder. @throws the system's error */
  create(request: JobHead): void {
    mkdirSync(this.path, 0o700);
    const text = JSON.stringify(request);
    writeFileSync(this.#file("request.json"), text, { flag: "wx", mode: 0o600 });
  }

  readRequest(): unknown {
    return this.#read("request.json");
  }

  writeStarted(start: JobStart): void {
    this.#write("started.json", start);
  }

  readStarted(): unknown {
    return this.#read("started.json");
  }

  /** @throws the system's error */
  writeEnding(ending: RunEnding): void {
    this.#write("end.json", ending);
  }

  readEnding(): unknown {
    return this.#read("end.json");
  }

  writeCancel(cancel: JobCancel): void {
    this.#write("cancel.json", cancel);
  }

  readCancel(): unknown {
    return this.#read("cancel.json");
  }

  /** Who has asked for its end; undefined if nobody has. */
  get cancelledBy(): string | undefined {
    const cancel = this.readCancel();
    if (typeof cancel !== "object" || cancel === null || !("by" in cancel)) return undefined;
    return typeof cancel.by === "string" ? cancel.by : undefined;
  }

  /** ACTION=run has been logged: nothing about the job changes any more. */
  markLogged(): void {
    // Another name of the same file: a file of its own would cost more than the rest of the line.
    linkSync(this.#file("end.json"), this.#file("logged"));
  }

  get isLogged(): boolean {
    return existsSync(this.#file("logged"));
  }

  /** When its end was written, as milliseconds since 1970; undefined if it was not. */
  get endTime(): number | undefined {
    return statSync(this.#file("end.json"), { throwIfNoEntry: false })?.mtimeMs;
  }

  /** When something was last put in, as milliseconds since 1970; undefined if there is no folder. */
  get time(): number | undefined {
    return statSync(this.path, { throwIfNoEntry: false })?.mtimeMs;
  }

  /** Bytes in the file of each stream. */
  get kept(): Record<OutputStream, number> {
    return { stdout: this.#size("stdout"), stderr: this.#size("stderr") };
  }

  /** What it takes of the disk, about. */
  get bytes(): number {
    const sizes = ["request.json", ...OUTPUT_STREAMS].map((file) => inBlocks(this.#size(file)));
    return sizes.reduce((sum, size) => sum + size, SMALL_FILES_BYTES);
  }

  /**
   * Reads a stream from an offset on. Returns how many bytes it has put into the buffer.
   * @throws if there is no such file
   */
  readOutput(stream: OutputStream, offset: number, into: Uint8Array): number {
    const file = openSync(this.fileOf(stream), "r");
    try {
      return readSync(file, into, 0, into.length, offset);
    } finally {
      closeSync(file);
    }
  }

  /** What is left of a folder that was not removed whole has no request, and is found by that. */
  remove(): void {
    try {
      rmSync(this.#file("request.json"), { force: true });
      rmSync(this.path, { recursive: true, force: true });
    } catch {
      // There is none, or somebody has made it unremovable.
    }
  }

  #file(name: string): string {
    return join(this.path, name);
  }

  #size(file: string): number {
    return statSync(this.#file(file), { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Undefined when there is none, or it is no JSON: a host that went down may leave it empty. */
  #read(file: string): unknown {
    try {
      const { bytes } = readPlainFile(this.#file(file), { maxBytes: MAX_REQUEST, noLink: true });
      return JSON.parse(bytes.toString("utf8"));
    } catch {
      return undefined;
    }
  }

  /** Nobody sees part of it. */
  #write(file: string, content: JobStart | JobCancel | RunEnding): void {
    const aside = this.#file(`${file}.new`);
    writeFileSync(aside, JSON.stringify(content), { mode: 0o600 });
    renameSync(aside, this.#file(file));
  }
}

function inBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
