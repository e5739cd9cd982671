/**
 * The revocation file, checked for every connection and every request, which is when it matters. There is no
 * watcher that could lose an event or a descriptor, and no moment in which a revoked certificate still works
 * because a notification is late.
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

  /** @throws CtrlExecError `config` if the file exists but cannot be read */
  constructor(path: string) {
    this.#path = path;
    this.#version = fileVersion(path);
    this.#text = readTextIfPresent(path);
    this.#read = parseRevocations(this.#text ?? "");
  }

  /** Checks the file. Until the next look, everything is answered from what it says now. */
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

  /** One message for each line that is not a serial, and so revokes nothing. */
  get problems(): readonly string[] {
    return this.#read.badLines.map((line) => `${this.#path}: line ${line} is not a serial`);
  }
}
