/** The files of the locks in a folder. Each lock leaves one, which is removed when it has not been used for a day. */
import { join } from "node:path";
import { addDays } from "../../core/time.ts";
import { listFiles } from "../../system/files/files.ts";
import { isUnusedLock, removeUnusedLock } from "../../system/files/lock.ts";

/** Their paths. */
export function lockFiles(folder: string): string[] {
  const names = listFiles(folder).filter((name) => name.endsWith(".lock"));
  return names.map((name) => join(folder, name));
}

/** How many were last used before that time, and are not held. */
export function countUnusedLocks(folder: string, since: Date): number {
  return lockFiles(folder).filter((file) => isUnusedLock(file, since)).length;
}

/** @returns how many were removed */
export function dropUnusedLocks(folder: string, now: Date): number {
  const before = addDays(now, -1);
  return lockFiles(folder).filter((file) => removeUnusedLock(file, before)).length;
}
