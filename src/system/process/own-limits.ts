/**
 * What whoever starts a program bounds it by: limits of getrlimit(2) and the umask are inherited over execve(2),
 * sudo's too.
 */
import { readFileSync } from "node:fs";
import { CtrlExecError } from "../../core/errors.ts";
import { libc } from "../libc.ts";

/** getrlimit(2), on Linux: what the limit is called in /proc/self/limits, and its number. */
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
 * For rights that are lent: lifts what would end the program half-way, or keep it from writing down what it does
 * (T62), as far as these rights allow.
 *
 * @throws CtrlExecError `config` when no file could be written all the same
 */
export function takeOwnLimits(): void {
  process.umask(UMASK);
  if (process.platform !== "linux") return;
  const text = readFileSync("/proc/self/limits", "latin1");
  for (const [name, number] of Object.entries(LIMITS)) {
    const { soft, hard } = readLimit(text, name);
    if (soft === RLIM_INFINITY) continue;
    // Beyond the hard limit goes only who has CAP_SYS_RESOURCE, as root has outside of most containers.
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
