/**
 * Identifies a process even after its number has been reused: the kernel gives a number to another process once its
 * process has ended. A signal goes through a pidfd, a handle that never refers to another process (T75).
 */
import { read } from "bun:ffi";
import { constants } from "node:os";
import { errnoName } from "../errno-name.ts";
import { errnoLocation, libc, linux } from "../libc.ts";
import { bootId, readProcess, readRunning } from "./process-table.ts";

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks between the boot and its start: field 22 of /proc/PID/stat. */
  readonly start: number;
  /** The boot since which its start is counted. */
  readonly boot: string;
}

/** @returns undefined when there is no such process; one that has ended counts until it is reaped */
export function identify(pid: number): ProcessId | undefined {
  const facts = readProcess(pid);
  return facts && { pid, start: facts.start, boot: bootId() };
}

/** Whether it is still running: a process that has ended and was not reaped is not. */
export function isRunning({ pid, start, boot }: ProcessId): boolean {
  return boot === bootId() && readRunning(pid)?.start === start;
}

export type Signal = "SIGTERM" | "SIGCONT" | "SIGKILL";

export type SignalOutcome =
  | { readonly kind: "sent" }
  | { readonly kind: "ended" }
  /** Another user's. */
  | { readonly kind: "forbidden" }
  /** There is no handle: nothing was sent. @param code of the system: ENOSYS, EPERM, EMFILE ... */
  | { readonly kind: "no-handle"; readonly code: string };

/** The same numbers on every processor. */
const SYS_PIDFD_SEND_SIGNAL = 424n;
const SYS_PIDFD_OPEN = 434n;

/** Signals the process, or none. */
export function signalProcess(id: ProcessId, ...signals: readonly Signal[]): SignalOutcome {
  const errno = errnoLocation();
  const { syscall } = linux();
  const handle = Number(syscall(SYS_PIDFD_OPEN, BigInt(id.pid), 0n, null, 0n));
  if (handle < 0) return failed(read.i32(errno), (code) => ({ kind: "no-handle", code }));
  try {
    // Checked once the handle exists: the process that it refers to can no longer change.
    if (!isRunning(id)) return { kind: "ended" };
    for (const signal of signals) {
      const number = BigInt(constants.signals[signal]);
      if (syscall(SYS_PIDFD_SEND_SIGNAL, BigInt(handle), number, null, 0n) < 0) {
        return failed(read.i32(errno), () => ({ kind: "forbidden" }));
      }
    }
    return { kind: "sent" };
  } finally {
    libc().close(handle);
  }
}

function failed(errno: number, otherwise: (code: string) => SignalOutcome): SignalOutcome {
  if (errno === constants.errno.ESRCH) return { kind: "ended" };
  return otherwise(errnoName(errno, { ...constants.errno }));
}
