/**
 * The controller's serial as the agent keeps it: one line in `ctrl-exec-serial`, and during a rotation another in
 * `ctrl-exec-serial.previous`. If the name is a link, both are where it leads, because the service may write nowhere
 * else.
 *
 * While there is a previous serial, that is the proven one, and the other is provisional: it counts once a control
 * host's certificate has come with it, and only then is the old one forgotten. A new serial that never arrives, or
 * that belongs to another agent, locks nobody out and lets nobody in (T63).
 */
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import type { CertificateIdentity } from "../../pki/certificate.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { readTextIfPresent, removeIfPresent, writeWhole } from "../../system/files/files.ts";
import { fileToReplace, REPLACED_FILE } from "../../system/files/linked-file.ts";
import { type CallerJudgement, judgeCaller } from "./judge-caller.ts";

function previousSerialPath(path: string): string {
  return `${fileToReplace(path)}.previous`;
}

/**
 * The files are checked for every request, so that a new serial counts at once, and read if they have changed.
 */
export class ControllerSerials {
  readonly #path: string;
  #version = "";
  #current: Serial | undefined;
  #previous: Serial | undefined;
  #problem: string | undefined;
  /** The common name under which the proven serial has called; undefined until it does. */
  #provenName: string | undefined;
  /** What rotations have replaced since this agent started, or since anything else replaced the serial. */
  readonly #retired = new Set<Serial>();

  constructor(path: string) {
    this.#path = path;
    this.look();
  }

  /** Checks the files. Until the next look, everything is answered from what they say now. */
  look(): void {
    const version = this.#fileVersions();
    if (version === this.#version) return;
    this.#version = version;
    try {
      this.#read();
      this.#problem = undefined;
    } catch (thrown) {
      this.#problem = messageOf(thrown);
    }
  }

  /** What is wrong with the file; its earlier content, if any, stays in force. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** False if there is no serial: then nobody is trusted. */
  get known(): boolean {
    return this.#current !== undefined;
  }

  /** The latest one stored; undefined if there is none. */
  get current(): Serial | undefined {
    return this.#current;
  }

  /** Whether the caller, whose certificate this CA signed, is the control host. */
  judge(caller: CertificateIdentity): CallerJudgement {
    const provisional = this.#previous !== undefined && this.#previous !== this.#current;
    const judged = judgeCaller(caller, {
      proven: provisional ? this.#previous : this.#current,
      provisional: provisional ? this.#current : undefined,
      provenName: this.#provenName,
    });
    if (judged.kind === "trusted") {
      this.#provenName = caller.commonName;
      if (judged.proves) this.#forgetPrevious();
    }
    return judged;
  }

  /**
   * Whether this was the control host's serial until a rotation: it is accepted no more, but its owner is still the
   * control host, and what it has begun to follow may go on.
   */
  hasRetired(serial: Serial): boolean {
    return this.#retired.has(serial);
  }

  #forgetPrevious(): void {
    if (this.#previous !== undefined) this.#retired.add(this.#previous);
    this.#previous = undefined;
    try {
      removeIfPresent(previousSerialPath(this.#path));
    } catch {
      // It is forgotten in memory; if a read-only disk keeps it, it is trusted again only after a restart.
    }
  }

  /** @throws CtrlExecError `config` if a file cannot be read, or contains something else */
  #read(): void {
    const { current, previous } = readSerialFiles(this.#path);
    if (
      current === undefined &&
      readTextIfPresent(fileToReplace(this.#path), REPLACED_FILE) !== undefined
    ) {
      throw new CtrlExecError("config", `Cannot use ${this.#path}: it contains no serial`);
    }
    // A rotation keeps the proven one beside the new one.
    const proven = this.#previous ?? this.#current;
    if (current !== this.#current && previous !== proven) this.#retired.clear();
    this.#current = current;
    this.#previous = previous;
  }

  #fileVersions(): string {
    return `${fileVersion(this.#path)} ${fileVersion(previousSerialPath(this.#path))}`;
  }
}

function readSerialFiles(path: string): {
  readonly current: Serial | undefined;
  readonly previous: Serial | undefined;
} {
  return {
    current: readSerialLine(readTextIfPresent(fileToReplace(path), REPLACED_FILE) ?? ""),
    previous: readSerialLine(readTextIfPresent(previousSerialPath(path), REPLACED_FILE) ?? ""),
  };
}

/** A file that cannot be read, in particular a link that leads on, has no serial to keep: it is replaced. */
function present(path: string): ReturnType<typeof readSerialFiles> {
  try {
    return readSerialFiles(path);
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) return { current: undefined, previous: undefined };
    throw thrown;
  }
}

/**
 * Stores a new serial, and keeps the proven one beside it. If there is still a previous serial, that is the
 * proven one: the current one was never used.
 *
 * @throws CtrlExecError `storage`; what was trusted before is still trusted
 */
export function storeControllerSerial(path: string, serial: Serial): void {
  const { current, previous } = present(path);
  if (serial === current) return;
  const proven = previous ?? current;
  if (proven !== undefined && proven !== serial) {
    writeWhole(previousSerialPath(path), `${proven}\n`, 0o644);
  }
  writeWhole(fileToReplace(path), `${serial}\n`, 0o644);
  if (proven === serial) removeIfPresent(previousSerialPath(path));
}

/**
 * Called when a pairing is complete, which vouches for its serial. The next pairing would otherwise take the
 * earlier identity's serial for the proven one, and push this one out.
 */
export function forgetPreviousSerial(path: string): void {
  removeIfPresent(previousSerialPath(path));
}
