/**
 * Limits that a program's caller sets: those of getrlimit(2) and the umask are inherited over execve(2), even
 * through sudo.
 */
import { readFileSync } from "node:fs";
import { CtrlExecError } from "../../core/errors.ts";
import { libc } from "../libc.ts";

/** getrlimit(2), on Linux: each limit's name in /proc/self/limits, and its number. */
const LIMITS = {
  "Max cpu time": 0,
  "Max file size": 1,
  "Max data size": 2,
  "Max address space": 9,
};

const RLIM_INFINITY = 2n ** 64n - 1n;

/** Nothing that we keep in one piece is longer: bytes. */
const MIN_FILE_SIZE = 64n * 2n ** 20n;

/** As sudo and login set it. */
const UMASK = 0o022;

/**
 * For a program called under sudo and the like: lifts limits that would end it half-way, or keep it from
 * recording what it does (T62), as far as its rights allow.
 *
 * @throws CtrlExecError `config` if files still could not be written
 */
export function takeOwnLimits(): void {
  process.umask(UMASK);
  if (process.platform !== "linux") return;
  const text = readFileSync("/proc/self/limits", "latin1");
  for (const [name, number] of Object.entries(LIMITS)) {
    const { soft, hard } = readLimit(text, name);
    if (soft === RLIM_INFINITY) continue;
    // Exceeding the hard limit takes CAP_SYS_RESOURCE, which root has outside of most containers.
    if (!set(number, RLIM_INFINITY, RLIM_INFINITY)) set(number, hard, hard);
  }
  const { soft } = readLimit(readFileSync("/proc/self/limits", "latin1"), "Max file size");
  if (soft >= MIN_FILE_SIZE) return;
  throw new CtrlExecError(
    "config",
    `Cannot run under sudo, doas or pkexec: ulimit -f allows no file larger than ${soft} bytes, so the run could not be recorded`,
    { hint: "Raise the limit in the shell that calls it: ulimit -f unlimited" },
  );
}

function readLimit(text: string, name: string): { readonly soft: bigint; readonly hard: bigint } {
  const [, soft, hard] = new RegExp(`^${name} +(\\S+) +(\\S+)`, "m").exec(text) ?? [];
  return { soft: toNumber(soft), hard: toNumber(hard) };
}

function toNumber(text = "unlimited"): bigint {
  return text === "unlimited" ? RLIM_INFINITY : BigInt(text);
}

function set(number: number, soft: bigint, hard: bigint): boolean {
  return libc().setrlimit(number, new BigUint64Array([soft, hard])) === 0;
}
