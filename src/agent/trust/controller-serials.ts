/**
 * The controller's serial as the agent keeps it: `ctrl-exec-serial`, one line, and during a rotation
 * `ctrl-exec-serial.previous` beside it: where that name leads, when it is a link, since the service
 * may write nowhere else.
 *
 * While the previous serial is there it is the proven one, and the other is provisional: it counts when
 * a control host's certificate has come with it, and only then is the old one forgotten. A new serial
 * that never arrives, or that belongs to another agent, locks nobody out and lets nobody in (T63).
 */
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import type { CertificateIdentity } from "../../pki/certificate.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { removeIfPresent, writeWhole } from "../../system/files/files.ts";
import { fileToReplace, readPlainIfPresent } from "../../system/files/linked-file.ts";
import { type CallerJudgement, judgeCaller } from "./judge-caller.ts";

function previousSerialPath(path: string): string {
  return `${fileToReplace(path)}.previous`;
}

/** Looked at for every request, so that a new serial counts at once; read when they have changed. */
export class ControllerSerials {
  readonly #path: string;
  #version = "";
  #current: Serial | undefined;
  #previous: Serial | undefined;
  #problem: string | undefined;
  /** The common name under which the proven serial has called; undefined until it does. */
  #provenName: string | undefined;

  constructor(path: string) {
    this.#path = path;
    this.look();
  }

  /** Looks at the files: all that is asked until the next look is answered by what they say now. */
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

  /** What is wrong with the file; what it said before, if anything, stays in force. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** False when there is no serial: nobody is trusted then. */
  get known(): boolean {
    return this.#current !== undefined;
  }

  /** The latest that was stored; undefined when there is none. */
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

  #forgetPrevious(): void {
    this.#previous = undefined;
    try {
      removeIfPresent(previousSerialPath(this.#path));
    } catch {
      // It is forgotten here; what a read-only disk keeps is trusted again only after a restart.
    }
  }

  /** @throws CtrlExecError `config` when a file cannot be read, or holds something else */
  #read(): void {
    const { current, previous } = readSerialFiles(this.#path);
    if (current === undefined && readPlainIfPresent(fileToReplace(this.#path)) !== undefined) {
      throw new CtrlExecError("config", `Cannot use ${this.#path}: it holds no serial`);
    }
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
    current: readSerialLine(readPlainIfPresent(fileToReplace(path)) ?? ""),
    previous: readSerialLine(readPlainIfPresent(previousSerialPath(path)) ?? ""),
  };
}

/** What cannot be read, a link that leads on above all, is no serial to keep: it is replaced. */
function present(path: string): ReturnType<typeof readSerialFiles> {
  try {
    return readSerialFiles(path);
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) return { current: undefined, previous: undefined };
    throw thrown;
  }
}

/**
 * Stores a new serial, and keeps the proven one beside it. A previous serial that is still there is
 * the proven one: the present was never used.
 *
 * @throws CtrlExecError `storage`; what was trusted before is trusted still
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
 * For when a pairing is whole: it vouches for its serial. One of the identity before, taken for the
 * proven one by the next pairing, would push this one out.
 */
export function forgetPreviousSerial(path: string): void {
  removeIfPresent(previousSerialPath(path));
}
