/**
 * Advisory locks with flock(2): the kernel releases them when the process dies.
 *
 * The holder may remove a lock's file. Another process may have opened it before that, and would lock a file
 * that nobody else will ever open. So a lock counts only if its file is still the one at the path.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import { fileError } from "./files.ts";
import { lockExclusively, lockShared, unlock } from "./flock.ts";
import { openPlain } from "./plain-file.ts";

/** `using lock = ...` releases it at the end of the block. */
export interface HeldLock extends Disposable {
  /**
   * Writes into the lock's file who holds it, for people who look. It stays there after the release, and means
   * nothing then. On a full disk it writes nothing, and the lock holds all the same.
   */
  describe(text: string): void;
  release(): void;
}

/** Takes the lock or returns undefined when another process holds it; never waits. */
export function tryLock(path: string): HeldLock | undefined {
  for (;;) {
    const taken = lockOpened(path, openLockFile(path));
    if (taken !== "removed") return taken;
  }
}

/** The same for a file that is not created if it is missing. */
export function lockIfPresent(path: string): HeldLock | undefined {
  const file = openLockFile(path, 0);
  const taken = file === undefined ? undefined : lockOpened(path, file);
  return taken === "removed" ? undefined : taken;
}

/** Locks a file that was opened at the path, or closes it: "removed" when it is no longer there. */
export function lockOpened(path: string, file: number): HeldLock | "removed" | undefined {
  const locked = lockExclusively(file);
  const facts = fstatSync(file, { bigint: true });
  const there = isAt(path, facts);
  if (locked && there) return heldLock(file, Number(facts.size));
  letGo(file);
  return there ? undefined : "removed";
}

function letGo(file: number): void {
  unlock(file);
  closeSync(file);
}

function isAt(path: string, { dev, ino }: BigIntStats): boolean {
  const present = statSync(path, { bigint: true, throwIfNoEntry: false });
  return present?.dev === dev && present.ino === ino;
}

/**
 * Removes the file of a lock that nobody holds and that was last used before the given time.
 * @returns whether it was removed
 * @throws CtrlExecError `storage`
 */
export function removeUnusedLock(path: string, before: Date): boolean {
  const file = openLockFile(path, 0);
  return file !== undefined && removeOpened(path, file, before);
}

/** Whether removeUnusedLock() would remove it. */
export function isUnusedLock(path: string, before: Date): boolean {
  const facts = statSync(path, { throwIfNoEntry: false });
  return facts !== undefined && facts.mtime < before && !isHeld(path);
}

/** Removes a file that was opened at the path, if it is still there, and closes it. */
export function removeOpened(path: string, file: number, before: Date): boolean {
  try {
    if (!lockExclusively(file)) return false;
    const facts = fstatSync(file, { bigint: true });
    if (!isAt(path, facts) || facts.mtime >= before) return false;
    unlinkSync(path);
    return true;
  } catch (cause) {
    throw fileError("storage", "remove", path, cause);
  } finally {
    letGo(file);
  }
}

/** @param size of what the previous holder has left in the file */
function heldLock(file: number, size: number): HeldLock {
  let held = true;
  let length = size;
  return {
    describe(text) {
      try {
        const written = writeSync(file, text, 0);
        // Most holders' texts have the same length, and truncation takes longer than everything else that is done
        // here.
        if (written < length) ftruncateSync(file, written);
        length = written;
      } catch {
        // Text for people must never keep a lock from being used (T22).
        empty(file);
      }
    },
    release,
    [Symbol.dispose]: release,
  };

  function release(): void {
    if (!held) return;
    held = false;
    letGo(file);
  }
}

function empty(file: number): void {
  try {
    ftruncateSync(file, 0);
  } catch {
    // The same.
  }
}

/** Whether a process holds the lock. The check takes it for a moment, shared with other checks. */
export function isHeld(path: string): boolean {
  const file = openLockFile(path, 0);
  if (file === undefined) return false;
  const free = lockShared(file);
  letGo(file);
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

/** @param create 0 does not make the file; the result is undefined if there is none */
export function openLockFile(path: string): number;
export function openLockFile(path: string, create: 0): number | undefined;
export function openLockFile(path: string, create = constants.O_CREAT): number | undefined {
  try {
    return openPlain(path, constants.O_RDWR | create, 0o640).file;
  } catch (cause) {
    if (create === 0 && systemCode(cause) === "ENOENT") return undefined;
    throw fileError("storage", "lock", path, cause);
  }
}

/** A process that checks whether a lock is held takes it for much less than this. */
const LOOK_MS = 10;

/**
 * Takes a lock that others only check now and then.
 *
 * @param looks how many of their checks are waited for at most
 */
export async function lockSoon(file: string, looks = 1): Promise<HeldLock | undefined> {
  for (let left = looks; ; left--) {
    const lock = tryLock(file);
    if (lock !== undefined || left === 0) return lock;
    await Bun.sleep(LOOK_MS);
  }
}
