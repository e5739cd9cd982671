/** Advisory locks with flock(2): the kernel releases them when the process dies. */
import { closeSync, constants, ftruncateSync, openSync, writeSync } from "node:fs";
import { CtrlExecError } from "../core/errors.ts";
import { fileProblem } from "./files.ts";
import { libc } from "./libc.ts";

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

export interface HeldLock {
  /** Says in the lock's file who holds it, for people who look; it is empty again after release. */
  describe(text: string): void;
  release(): void;
}

/** Takes the lock or returns undefined when another process holds it; never waits. */
export function tryLock(path: string): HeldLock | undefined {
  const file = openLockFile(path);
  if (libc().flock(file, LOCK_EX | LOCK_NB) === 0) return heldLock(file);
  closeSync(file);
  return undefined;
}

function heldLock(file: number): HeldLock {
  let held = true;
  let described = false;
  return {
    describe(text) {
      described = true;
      ftruncateSync(file, 0);
      writeSync(file, text, 0);
    },
    release() {
      if (!held) return;
      held = false;
      if (described) ftruncateSync(file, 0);
      closeSync(file);
    },
  };
}

/** Whether some process holds the lock. Looking takes it for a moment, shared with others who look. */
export function isHeld(path: string): boolean {
  const file = openLockFile(path);
  const free = libc().flock(file, LOCK_SH | LOCK_NB) === 0;
  closeSync(file);
  return !free;
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
