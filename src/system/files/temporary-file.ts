/**
 * The temporary file that takes a file's name once it is written. A write that was killed leaves it, perhaps
 * with a key in it, and the next write into that folder removes it.
 *
 * The writer holds an flock on it until the file has its name, so that the kernel knows whether the writer is
 * dead. The age covers the moment between making the file and locking it, and writers of 1.0, which hold no
 * lock.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { lockExclusively } from "./flock.ts";

/** A file name has at most 255 bytes, and a temporary name is longer than the one that it starts with. */
const MAX_NAME_START = 200;

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/s;

/** No write takes this long to begin. */
const DEAD_AFTER_MS = 600_000;

/** A name in the same folder that nobody else has. */
export function temporaryFor(path: string): string {
  const random = crypto.getRandomValues(new Uint8Array(6)).toHex();
  const start = Buffer.from(basename(path)).subarray(0, MAX_NAME_START).toString();
  return join(dirname(path), `.${start}.${random}.tmp`);
}

/**
 * Makes the file and locks it: close it only once it has its name. On a file system without locks nothing tells
 * whether the writer is dead, so the file stays.
 *
 * @throws the system's error
 */
export function openTemporary(path: string, mode: number): number {
  const file = openSync(path, "wx", mode);
  holdTemporary(file);
  return file;
}

/** The same for one that was just made. */
export function holdTemporary(file: number): void {
  lockExclusively(file);
}

const looked = new Set<string>();

/** Called before this process first writes into a folder. Never throws: no write may fail because of it. */
export function removeDeadOnce(folder: string): void {
  if (looked.has(folder)) return;
  looked.add(folder);
  removeDead(folder);
}

/** Removes what killed writes of this user have left in a folder. Never throws. Returns how many. */
export function removeDead(folder: string): number {
  return temporariesIn(folder).filter(removeIfDead).length;
}

/** How many there are that removeDead() would remove. Never throws. */
export function countDead(folder: string): number {
  return temporariesIn(folder).filter((path) => ifDead(path, () => undefined)).length;
}

function temporariesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter(isTemporary);
    return names.map((name) => join(folder, name));
  } catch {
    // There is no such folder, or this user may not read it: whoever writes into it gets the error.
    return [];
  }
}

export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/**
 * Keeps another user's file, one that a process is still writing, and a young one. Returns whether it was
 * removed.
 */
export function removeIfDead(path: string): boolean {
  return ifDead(path, unlinkSync);
}

/**
 * @param then is called while no writer can hold the file
 * @returns whether it was called
 */
function ifDead(path: string, then: (path: string) => void): boolean {
  try {
    const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const facts = fstatSync(file);
      const isOurs = facts.isFile() && facts.uid === process.geteuid?.();
      if (!isOurs || facts.mtimeMs > Date.now() - DEAD_AFTER_MS) return false;
      if (!lockExclusively(file)) return false;
      then(path);
      return true;
    } finally {
      closeSync(file);
    }
  } catch {
    // It has been given its name, is not a file, or cannot be removed by this user.
    return false;
  }
}
