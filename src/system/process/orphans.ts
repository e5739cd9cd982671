/**
 * Orphaned processes. When a parent ends first, its children go to process 1 (pid_namespaces(7)) or to the
 * nearest subreaper (prctl(2)), which in a container without an init is this program. Somebody has to reap them
 * (waitid(2)), or each stays as a zombie until no more processes can be started.
 */
import { libc, linux } from "../libc.ts";

/** Process ids of children that the runtime waits for: reaping them here would take their exit status away. */
const own = new Set<number>();

let reaps = false;

/**
 * For long-running programs. Includes children that were started before execve(2) made this process this
 * program.
 */
export function reapOrphans(): void {
  if (process.platform !== "linux") return;
  reaps = true;
  process.on("SIGCHLD", reap);
  reap();
}

/** prctl(2) */
const PR_SET_CHILD_SUBREAPER = 36;

/** From now on, what a descendant of this process leaves behind becomes this process's child. */
export function adoptOrphans(): void {
  if (process.platform === "linux") linux().prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n);
}

/** Must be called for each child as soon as it has started. */
export function keepOwn({ pid, exited }: Pick<Bun.Subprocess, "pid" | "exited">): void {
  own.add(pid);
  const forget = () => {
    own.delete(pid);
    // It may have been queued before an orphan.
    if (reaps) reap();
  };
  exited.then(forget, forget);
}

/** waitid(2) */
const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;

/** A siginfo_t of sigaction(2) as 32-bit numbers, and which of them is the process id on 64 bits. */
const SIGINFO_LENGTH = 32;
const PID_AT = 4;

/** Checks which processes have ended, and reaps only those that are not our own children. */
function reap(): void {
  for (;;) {
    const pid = waitFor(P_ALL, 0, WNOWAIT);
    if (pid === undefined || own.has(pid)) return;
    waitFor(P_PID, pid, 0);
  }
}

/** Returns the process id of a child that has ended; undefined if there is none. */
function waitFor(which: number, id: number, flags: number): number | undefined {
  const info = new Int32Array(SIGINFO_LENGTH);
  if (libc().waitid(which, id, info, WEXITED | WNOHANG | flags) !== 0) return undefined;
  return info[PID_AT] || undefined;
}
