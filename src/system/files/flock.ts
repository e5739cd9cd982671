/** flock(2): the kernel releases a lock when the process that holds it dies. */
import { libc } from "../libc.ts";

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** Locks an open file unless another process holds a lock on it; never waits. Returns whether it is locked. */
export function lockExclusively(file: number): boolean {
  return libc().flock(file, LOCK_EX | LOCK_NB) === 0;
}

/** The same for a lock that several may hold at once. */
export function lockShared(file: number): boolean {
  return libc().flock(file, LOCK_SH | LOCK_NB) === 0;
}

/**
 * Gives up the lock on an open file, if it has one. Closing the file may not be enough for that: a program that is
 * being started has a copy of every descriptor until it is loaded.
 */
export function unlock(file: number): void {
  libc().flock(file, LOCK_UN);
}
