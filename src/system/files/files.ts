/** Files that are read with a clear error, and written whole or not at all. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CtrlExecError, type ErrorCode, messageOf, systemCode } from "../../core/errors.ts";
import { type PlainFile, type ReadRule, readPlainFile } from "./plain-file.ts";
import { openTemporary, removeDeadOnce, temporaryFor } from "./temporary-file.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EEXIST: "it exists already",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is not a folder",
  ENOSPC: "no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EROFS: "the disk is read-only",
  EMFILE: "too many open files (see ulimit -n)",
  ENFILE: "too many open files on this host",
  ELOOP: "too many symbolic links",
};

/** What went wrong with a file, in words. */
export function fileProblem(thrown: unknown): string {
  const code = systemCode(thrown);
  return REASONS[code] ?? (code === "" ? messageOf(thrown) : code);
}

/**
 * The error for a step that failed on a file, with what was wrong in words.
 *
 * @param code unless this user may not do it: that is always the same, whichever file it is, and `config`
 */
export function fileError(
  code: ErrorCode,
  verb: string,
  path: string,
  thrown: unknown,
): CtrlExecError {
  const denied = isDenied(thrown);
  return new CtrlExecError(
    denied ? "config" : code,
    `Cannot ${verb} ${path}: ${fileProblem(thrown)}`,
    {
      cause: thrown,
      ...(denied ? { hint: "Run this as root (sudo), or as the user these files belong to." } : {}),
    },
  );
}

/** Whether the system did not let this user do it. @param thrown of the system, or fileError() of that */
export function isDenied(thrown: unknown): boolean {
  const cause = thrown instanceof CtrlExecError ? thrown.cause : thrown;
  return ["EACCES", "EPERM"].includes(systemCode(cause));
}

/** @throws CtrlExecError `config` that names the file */
export function readText(path: string, rule?: ReadRule): string {
  return readOurs(path, rule).bytes.toString("utf8");
}

function readOurs(path: string, rule?: ReadRule): PlainFile {
  try {
    return readPlainFile(path, rule);
  } catch (thrown) {
    throw fileError("config", "read", path, thrown);
  }
}

/** The file's text, or undefined when there is no such file; any other failure throws. */
export function readTextIfPresent(path: string, rule?: ReadRule): string | undefined {
  try {
    return readPlainFile(path, rule).bytes.toString("utf8");
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return undefined;
    throw fileError("config", "read", path, thrown);
  }
}

/**
 * A private key's text.
 * @throws CtrlExecError `config` when it cannot be read, or when everyone on the host can read it (T09)
 */
export function readPrivateText(path: string): string {
  const { bytes, stats } = readOurs(path);
  const mode = stats.mode & 0o777;
  if ((mode & 0o007) === 0) return bytes.toString("utf8");
  throw new CtrlExecError(
    "config",
    `Cannot use ${path}: every user of this host may open it (mode ${mode.toString(8).padStart(4, "0")})`,
    { hint: `Make it private: chmod o= ${path}` },
  );
}

/**
 * Replaces a file in one step: temporary file beside it, fsync, rename, fsync of the folder. A crash leaves the
 * old content or the new, never part of either (T10), and perhaps a temporary file that a later write removes.
 * The mode holds from the first byte, whatever the umask. A link of that name is replaced; fileToReplace()
 * follows one.
 *
 * @throws CtrlExecError `storage`; the old file is untouched (T22)
 */
export function writeWhole(path: string, content: string | Uint8Array, mode: number): void {
  placeWhole(path, content, mode, renameSync);
}

/**
 * The same without waiting for the disk, for contents that can be made again: after a power cut the file may be there
 * in part, so its reader has to check whether it is complete.
 *
 * @throws as writeWhole()
 */
export function writeUnsynced(path: string, content: Uint8Array, mode: number): void {
  placeWhole(path, content, mode, renameSync, "unsynced");
}

/**
 * The same as writeWhole, for a file that must not exist yet.
 * @throws CtrlExecError `exists` when it does; if two try at once, exactly one succeeds
 */
export function createWhole(path: string, content: string | Uint8Array, mode: number): void {
  placeWhole(path, content, mode, (temporary, final) => {
    linkSync(temporary, final);
    unlinkSync(temporary);
  });
}

function placeWhole(
  path: string,
  content: string | Uint8Array,
  mode: number,
  place: (temporary: string, final: string) => void,
  how: "synced" | "unsynced" = "synced",
): void {
  const temporary = temporaryFor(path);
  removeDeadOnce(dirname(path));
  try {
    const file = openTemporary(temporary, mode);
    try {
      writeNew(file, content, mode, dirname(path));
      if (how === "synced") fsyncSync(file);
      place(temporary, path);
    } finally {
      closeSync(file);
    }
    if (how === "synced") sync(dirname(path));
  } catch (thrown) {
    tryToRemove(temporary);
    if (systemCode(thrown) === "EEXIST") {
      throw new CtrlExecError("exists", `Cannot create ${path}: it exists already`, {
        cause: thrown,
      });
    }
    throw fileError("storage", "write", path, thrown);
  }
}

function writeNew(file: number, content: string | Uint8Array, mode: number, folder: string): void {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  fchmodSync(file, mode);
  giveToFolderGroup(file, folder);
  for (let offset = 0; offset < bytes.length; ) {
    offset += writeSync(file, bytes, offset, bytes.length - offset);
  }
}

/**
 * Files that root writes into a service's folder must stay readable for the service's group. An ordinary user
 * may not be in that group; then the file keeps the user's own.
 */
function giveToFolderGroup(file: number, folder: string): void {
  const { uid, gid } = fstatSync(file);
  const wanted = statSync(folder).gid;
  if (wanted === gid) return;
  try {
    fchownSync(file, uid, wanted);
  } catch (thrown) {
    if (systemCode(thrown) !== "EPERM") throw thrown;
  }
}

/** Waits until a file, or a folder's names, are on the disk. @throws the system's error */
export function sync(path: string): void {
  const file = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Cleaning up after a failure must not hide the failure. */
function tryToRemove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never created, or the disk has become read-only.
  }
}

/** Removes a file; a missing one is not an error. Returns whether it existed. */
export function removeIfPresent(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return false;
    throw fileError("storage", "remove", path, thrown);
  }
}

/** Moves a file over another in one step. @throws CtrlExecError `storage` */
export function moveOver(from: string, to: string): void {
  try {
    renameSync(from, to);
    sync(dirname(to));
  } catch (thrown) {
    throw fileError("storage", "write", to, thrown);
  }
}

/** The names in a folder, sorted; none when there is no such folder. @throws CtrlExecError `config` */
export function listFolder(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return [];
    throw fileError("config", "read", path, thrown);
  }
}

/**
 * The same, files only: a FIFO or a folder that somebody put among ours must not hide any of them.
 *
 * @throws CtrlExecError `config`
 */
export function listFiles(path: string): string[] {
  return listFolder(path).filter((name) => {
    const facts = statSync(join(path, name), { throwIfNoEntry: false });
    return facts === undefined || facts.isFile();
  });
}

/** Creates a folder and its parents. The mode applies to those that it creates. */
export function ensureFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (thrown) {
    throw fileError("storage", "create", path, thrown);
  }
}
