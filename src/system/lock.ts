/** Advisory locks with flock(2): the kernel releases them when the process dies. */
import { closeSync, constants, openSync } from "node:fs";
import { CtrlExecError } from "../core/errors.ts";
import { fileProblem } from "./files.ts";
import { libc } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

export interface HeldLock {
  release(): void;
}

/** Takes the lock or returns undefined when another process holds it; never waits. */
export function tryLock(path: string): HeldLock | undefined {
  const file = openLockFile(path);
  if (libc().flock(file, LOCK_EX | LOCK_NB) === 0) return { release: () => closeSync(file) };
  closeSync(file);
  return undefined;
}

const RETRY_MS = 10;

/**
 * Takes the lock, waiting for another process to release it.
 * @throws CtrlExecError `busy` when it is still held after `waitMs`
 */
export async function takeLock(path: string, waitMs = 10_000): Promise<HeldLock> {
  for (let waited = 0; ; waited += RETRY_MS) {
    const held = tryLock(path);
    if (held !== undefined) return held;
    if (waited >= waitMs) {
      throw new CtrlExecError("busy", `Cannot lock ${path}: another command is still at work`);
    }
    await Bun.sleep(RETRY_MS);
  }
}

function openLockFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o640);
  } catch (cause) {
    throw new CtrlExecError("storage", `Cannot lock ${path}: ${fileProblem(cause)}`, { cause });
  }
}
