/**
 * The program's files. `ctrl-exec` is the one that all names lead to. `ctrl-exec-upgrade` beside it is the last one that
 * is known to work: it carries out an upgrade, and a roll-back puts it back. So nothing that a new program does, or
 * fails to do, can keep the old one from coming back.
 */
import { constants, copyFileSync, linkSync, lstatSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CtrlExecError } from "../../core/errors.ts";
import { fileHash } from "../../system/files/file-hash.ts";
import { fileError, sync } from "../../system/files/files.ts";

export class ProgramFiles {
  readonly #folder: string;

  /** @param folder both are in it, so that one rename replaces either */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The one in use. */
  get current(): string {
    return join(this.#folder, "ctrl-exec");
  }

  /** The last one that is known to work. */
  get kept(): string {
    return join(this.#folder, "ctrl-exec-upgrade");
  }

  /** The new one, until it is put in place. */
  get next(): string {
    return join(this.#folder, ".ctrl-exec.next");
  }

  /** @throws CtrlExecError `config` if it was installed in another way, which a rename would break */
  requireUsual(): void {
    const facts = lstatSync(this.current, { throwIfNoEntry: false });
    if (facts?.isFile()) return;
    throw new CtrlExecError("config", `Cannot upgrade ${this.current}: it is not a plain file`, {
      hint: "install.sh puts the program itself there, and links for its other names.",
    });
  }

  /** From now on the one in use is the one that a roll-back puts back. @throws CtrlExecError `storage` */
  keepCurrent(): void {
    this.#giveName(this.current, this.kept);
  }

  /** @throws CtrlExecError `storage` */
  putInPlace(): void {
    try {
      renameSync(this.next, this.current);
      sync(this.#folder);
    } catch (thrown) {
      throw fileError("storage", "replace", this.current, thrown);
    }
  }

  /** @throws CtrlExecError `storage` */
  putBack(): void {
    this.#giveName(this.kept, this.current);
  }

  removeNext(): void {
    rmSync(this.next, { force: true });
  }

  /** The file gets another name, in one step, in the place of what had it. */
  #giveName(file: string, name: string): void {
    const aside = join(dirname(name), `.${basename(name)}.link`);
    try {
      rmSync(aside, { force: true });
      try {
        linkSync(file, aside);
      } catch {
        // Some file systems have no second names.
        copyFileSync(file, aside, constants.COPYFILE_EXCL);
        sync(aside);
      }
      renameSync(aside, name);
      // A rename between two names of one file does nothing.
      rmSync(aside, { force: true });
      sync(this.#folder);
    } catch (thrown) {
      throw fileError("storage", "replace", name, thrown);
    }
  }
}

/** SHA-256 of a file, in hex; undefined if there is none. */
export async function hashOf(path: string): Promise<string | undefined> {
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  return isThere ? await fileHash(path) : undefined;
}
