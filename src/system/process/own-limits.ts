/**
 * Limits that a program's caller sets: those of getrlimit(2) and the umask are inherited over execve(2), even
 * through sudo.
 */
import { CtrlExecError } from "../../core/errors.ts";
import { readLimit, setLimit, UNLIMITED } from "./resource-limits.ts";

const LIFTED = ["cpu time", "file size", "data size", "address space"] as const;

/** Nothing that we keep in one piece is longer: bytes. */
const MIN_FILE_SIZE = 64n * 2n ** 20n;

/** As sudo and login set it. */
const UMASK = 0o022;

/**
 * For a program called under sudo and the like: lifts limits that would end it half-way, or keep it from recording
 * what it does (T62), as far as its rights allow.
 *
 * @throws CtrlExecError `config` if files still could not be written
 */
export function takeOwnLimits(): void {
  process.umask(UMASK);
  if (process.platform !== "linux") return;
  for (const name of LIFTED) {
    const limit = readLimit(name);
    if (limit === undefined || limit.soft === UNLIMITED) continue;
    const { hard } = limit;
    // Exceeding the hard limit takes CAP_SYS_RESOURCE, which root has outside of most containers.
    if (!setLimit(name, { soft: UNLIMITED, hard: UNLIMITED })) setLimit(name, { soft: hard, hard });
  }
  const { soft } = readLimit("file size") ?? { soft: UNLIMITED };
  if (soft >= MIN_FILE_SIZE) return;
  throw new CtrlExecError(
    "config",
    `Cannot run under sudo, doas or pkexec: ulimit -f allows no file larger than ${soft} bytes, so what it does could not be recorded`,
    { hint: "Raise the limit in the shell that calls it: ulimit -f unlimited" },
  );
}
