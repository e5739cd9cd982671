/** The descriptors of this process: its limit, and the share of what it does for others. */
import { readFileSync } from "node:fs";
import { MIN_DESCRIPTORS, usableDescriptors } from "../core/descriptor-shares.ts";
import { CtrlExecError, systemCode } from "../core/errors.ts";
import { Pool } from "../core/pool.ts";

/** What every system allows where the limit cannot be read (macOS has no /proc). */
const UNKNOWN = 256;

let known: number | undefined;

/** How many files this process may have open: the soft RLIMIT_NOFILE, as it was when first asked for. */
export function descriptorLimit(): number {
  known ??= readLimit();
  return known;
}

/**
 * For a program that listens, before it opens anything: with too few it would wait for ever for one (T65).
 *
 * @throws CtrlExecError `config`
 */
export function requireDescriptors(): void {
  const limit = descriptorLimit();
  if (limit >= MIN_DESCRIPTORS) return;
  const what = limit === 0 ? "ulimit -n" : `ulimit -n ${limit}`;
  throw new CtrlExecError(
    "config",
    `Cannot start: ${what} is too few open files; it takes at least ${MIN_DESCRIPTORS}`,
    { hint: "Raise it: ulimit -n 1024 in a shell, or LimitNOFILE=1024 in the service's unit." },
  );
}

function readLimit(): number {
  let text: string;
  try {
    text = readFileSync("/proc/self/limits", "latin1");
  } catch (thrown) {
    // All that it may have is what it holds already, however many that is.
    return systemCode(thrown) === "EMFILE" ? 0 : UNKNOWN;
  }
  const soft = /^Max open files +(\d+|unlimited)/m.exec(text)?.[1];
  if (soft === "unlimited") return Number.MAX_SAFE_INTEGER;
  return soft === undefined ? UNKNOWN : Number(soft);
}

let work: Pool | undefined;

/**
 * For connections to others and the locks of runs: all that a command has to spare. A program that listens
 * makes it smaller.
 */
export function workDescriptors(): Pool {
  work ??= new Pool(usableDescriptors(descriptorLimit()));
  return work;
}
