/**
 * The revocation file, looked at for every connection and every request: that is when it counts. No
 * watcher to lose an event or a descriptor, and no moment in which a revoked certificate still works
 * because the news is late.
 */
import { messageOf } from "../../core/errors.ts";
import { parseRevocations, type Revocations, type Serial } from "../../core/serial.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { readTextIfPresent } from "../../system/files/files.ts";

export class RevokedSerials {
  readonly #path: string;
  #version: string;
  #text: string | undefined;
  #read: Revocations;
  #problem: string | undefined;

  /** @throws CtrlExecError `config` when the file is there and cannot be read */
  constructor(path: string) {
    this.#path = path;
    this.#version = fileVersion(path);
    this.#text = readTextIfPresent(path);
    this.#read = parseRevocations(this.#text ?? "");
  }

  /** Looks at the file: all that is asked until the next look is answered by what it says now. */
  look(): void {
    const version = fileVersion(this.#path);
    if (version === this.#version) return;
    this.#version = version;
    try {
      this.#text = readTextIfPresent(this.#path);
      this.#read = parseRevocations(this.#text ?? "");
      this.#problem = undefined;
    } catch (thrown) {
      this.#problem = messageOf(thrown);
    }
  }

  has(serial: Serial): boolean {
    return this.#read.serials.has(serial);
  }

  /** Serials that the file names. */
  get named(): number {
    return this.#read.named;
  }

  /** False when there is no file. */
  get present(): boolean {
    return this.#text !== undefined;
  }

  /** The file as it was read last; undefined when there is none. */
  get text(): string | undefined {
    return this.#text;
  }

  /** What is wrong with the file since it was read; what it said then stays in force. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** One for each line that is not a serial, and so revokes nothing. */
  get problems(): readonly string[] {
    return this.#read.badLines.map((line) => `${this.#path}: line ${line} is not a serial`);
  }
}
