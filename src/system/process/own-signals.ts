/**
 * What this process makes of signals, whatever its parent left behind: dispositions and mask are inherited
 * over execve(2). Bun sets both anew for its children, but not for itself.
 */
import { libc } from "../libc.ts";

/** sigprocmask(2) */
const SIG_SETMASK = process.platform === "darwin" ? 3 : 2;
/** A sigset_t of any C library, empty. */
const NO_SIGNAL = new Uint8Array(128);

/** For the start, before anything waits for a signal or starts a process. */
export function takeSignals(): void {
  // Where SIGCHLD is ignored, the kernel throws away how a child ended (wait(2)): each script and hook would
  // be an internal error while it runs. A handler ends that, even one that does nothing.
  process.on("SIGCHLD", () => undefined);
  try {
    libc().sigprocmask(SIG_SETMASK, NO_SIGNAL, null);
  } catch {
    // No library, or no descriptor to open it with: whatever needs one says so.
  }
}
