/** Whether a process is writing outputs into a folder: the kernel knows, even for one that was killed. */
import { closeSync, constants, openSync } from "node:fs";
import { lockExclusively } from "../../system/files/flock.ts";

/**
 * Until the function that this returns is called, the outputs are not removed to make room.
 *
 * @throws the system's error
 */
export function useFolder(path: string): () => void {
  const folder = openFolder(path);
  // On a file system without locks, outputs stay until their run has expired.
  lockExclusively(folder);
  return () => closeSync(folder);
}

export function isInUse(path: string): boolean {
  let folder: number;
  try {
    folder = openFolder(path);
  } catch {
    return false;
  }
  try {
    return !lockExclusively(folder);
  } finally {
    closeSync(folder);
  }
}

/** Nothing else is opened there: opening a FIFO would never return. */
function openFolder(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
}
