/**
 * An empty folder that is filled with new files. It is held open, and files are created in what is held: whatever
 * somebody puts at its path in the meantime, no link is followed and no file is replaced (T62).
 */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { systemCode } from "../../core/errors.ts";

/** What others print is only for its owner. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export class EmptyFolder implements Disposable {
  readonly #path: string;
  readonly #folder: number;
  /** The owner of the files; undefined if they are this process's own. */
  readonly #owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly #made: boolean;
  #isUsed = false;
  #isClosed = false;

  private constructor(path: string, made: boolean, owner?: number) {
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    this.#path = path;
    this.#made = made;
    this.#folder = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      const { uid, gid } = fstatSync(this.#folder);
      if (uid !== (owner ?? process.geteuid?.())) throw new Error("it belongs to another user");
      if (readdirSync(this.#held).length > 0) throw new Error("it is not empty");
      this.#owner = owner === undefined ? undefined : { uid, gid };
    } catch (thrown) {
      closeSync(this.#folder);
      throw thrown;
    }
  }

  /**
   * Creates the folder if it is missing, but none above it.
   *
   * @throws the system's error, or one without a code that says what is wrong with the folder
   */
  static open(path: string): EmptyFolder {
    // With a slash after it, a link would be followed.
    const bare = path.replace(/(?<=[^/])\/+$/, "");
    return new EmptyFolder(bare, makeFolder(bare));
  }

  /**
   * Opens an existing folder that belongs to that user, and gives its files to the user: only for root.
   *
   * @throws as open() does
   */
  static openOf(path: string, user: number): EmptyFolder {
    return new EmptyFolder(path, false, user);
  }

  /** @param name of a file in it, without slashes @throws the system's error, also if there is such a file */
  async create(name: string): Promise<FileHandle> {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    // The number of the descriptor may mean another folder by now.
    if (this.#isClosed) throw new Error("it was given up");
    this.#isUsed = true;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const file = await open(`${this.#held}/${name}`, flags, FILE_MODE);
    try {
      if (this.#owner !== undefined) await file.chown(this.#owner.uid, this.#owner.gid);
      return file;
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  /** A file that create() has created. */
  remove(name: string): void {
    try {
      unlinkSync(`${this.#held}/${name}`);
    } catch {
      // It has already been reported that it could not be written.
    }
  }

  /** A folder that was created for nothing is removed. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    closeSync(this.#folder);
    if (!this.#made || this.#isUsed) return;
    try {
      rmdirSync(this.#path);
    } catch {
      // Somebody else has put something there.
    }
  }

  /** The folder itself, wherever its path leads now. */
  get #held(): string {
    return `/proc/self/fd/${this.#folder}`;
  }
}

/** @returns whether there was none */
function makeFolder(path: string): boolean {
  try {
    mkdirSync(path, { mode: FOLDER_MODE });
    return true;
  } catch (thrown) {
    if (systemCode(thrown) !== "EEXIST") throw thrown;
    return false;
  }
}
