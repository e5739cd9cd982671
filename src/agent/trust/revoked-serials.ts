/**
 * The revocation file, checked for every connection and every request, which is when it matters. There is no
 * watcher that could lose an event or a descriptor, and no moment in which a revoked certificate still works
 * because a notification is late. A line that cannot be read may be anybody's serial: it sets nobody free.
 */
import { messageOf } from "../../core/errors.ts";
import {
  badLinesProblem,
  parseRevocations,
  type Revocations,
  requireRevocations,
  type Serial,
} from "../../core/serial.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { readTextIfPresent } from "../../system/files/files.ts";

export class RevokedSerials {
  readonly #path: string;
  #version: string;
  #text: string | undefined;
  #read: Revocations;
  /** What is refused: while a line cannot be read, also what the file said before. */
  #refused: ReadonlySet<Serial>;
  #problem: string | undefined;

  /** @throws CtrlExecError `config` if the file exists but cannot be read, or a line of it is not a serial */
  constructor(path: string) {
    this.#path = path;
    this.#version = fileVersion(path);
    this.#text = readTextIfPresent(path);
    this.#read = requireRevocations(path, this.#text ?? "");
    this.#refused = this.#read.serials;
  }

  /**
   * Checks the file. Until the next look, everything is answered from what it says now; until it can be read
   * whole, nothing that was refused is let in.
   */
  look(): void {
    const version = fileVersion(this.#path);
    if (version === this.#version) return;
    this.#version = version;
    try {
      this.#text = readTextIfPresent(this.#path);
      this.#read = parseRevocations(this.#text ?? "");
      const { serials, badLines } = this.#read;
      this.#refused = badLines.length === 0 ? serials : new Set([...this.#refused, ...serials]);
      this.#problem = undefined;
    } catch (thrown) {
      this.#problem = messageOf(thrown);
    }
  }

  has(serial: Serial): boolean {
    return this.#refused.has(serial);
  }

  /** Serials that the file names. */
  get named(): number {
    return this.#read.named;
  }

  /** False if there is no file. */
  get present(): boolean {
    return this.#text !== undefined;
  }

  /** The file as last read; undefined if there is none. */
  get text(): string | undefined {
    return this.#text;
  }

  /** What has gone wrong with the file since it was read; its earlier content stays in force. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Which lines of the file as last read are not a serial; undefined if it could be read whole. */
  get badLines(): string | undefined {
    const { badLines } = this.#read;
    return badLines.length === 0 ? undefined : `${this.#path}: ${badLinesProblem(badLines)}`;
  }
}
