/**
 * Resets how this process handles signals, whatever its parent set: dispositions and mask are inherited over
 * execve(2). Bun resets both for its children, but not for itself.
 */
import { libc } from "../libc.ts";

/** sigprocmask(2) */
const SIG_SETMASK = process.platform === "darwin" ? 3 : 2;
/** A sigset_t of any C library, empty. */
const NO_SIGNAL = new Uint8Array(128);

/** Called at the start, before anything waits for a signal or starts a process. */
export function takeSignals(): void {
  // If SIGCHLD is ignored, the kernel discards how a child ended (wait(2)): each script and hook would be an
  // internal error. Any handler prevents that, even one that does nothing.
  process.on("SIGCHLD", () => undefined);
  try {
    libc().sigprocmask(SIG_SETMASK, NO_SIGNAL, null);
  } catch {
    // There is no library, or no descriptor to open it with: whatever needs one reports it.
  }
}
