/**
 * Processes that others left behind. Where a parent ends first, its children go to process 1 (pid_namespaces(7)) or
 * to the nearest subreaper (prctl(2)), which in a container without an init is this program. Somebody has to take
 * note of their ends (waitid(2)), or each stays as a zombie until no process can be started any more.
 */
import { libc } from "../libc.ts";

/** Process ids of children that the runtime waits for: who else did so would take their exit status away. */
const own = new Set<number>();

let reaps = false;

/** For a program that goes on. What its parent had started before it became this program counts as well. */
export function reapOrphans(): void {
  if (process.platform !== "linux") return;
  reaps = true;
  process.on("SIGCHLD", reap);
  reap();
}

/** To be told of each child as soon as it has started. */
export function keepOwn({ pid, exited }: Pick<Bun.Subprocess, "pid" | "exited">): void {
  own.add(pid);
  const forget = () => {
    own.delete(pid);
    // It may have stood in front of an orphan.
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

/** Looks who has ended before it waits for anybody: only one who is not our own. */
function reap(): void {
  for (;;) {
    const pid = waitFor(P_ALL, 0, WNOWAIT);
    if (pid === undefined || own.has(pid)) return;
    if (waitFor(P_PID, pid, 0) === undefined) return;
  }
}

/** Returns the process id of a child that has ended; undefined when there is none. */
function waitFor(which: number, id: number, flags: number): number | undefined {
  const info = new Int32Array(SIGINFO_LENGTH);
  if (libc().waitid(which, id, info, WEXITED | WNOHANG | flags) !== 0) return undefined;
  return info[PID_AT] || undefined;
}
