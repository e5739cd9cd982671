/** The descriptors of this process: its limit, and the share of what it does for others. */
import { readFileSync } from "node:fs";
import { usableDescriptors } from "../core/descriptor-shares.ts";
import { Pool } from "../core/pool.ts";

/** What every system allows where the limit cannot be read (macOS has no /proc). */
const UNKNOWN = 256;

/** How many files this process may have open: the soft RLIMIT_NOFILE. */
export function descriptorLimit(): number {
  let text: string;
  try {
    text = readFileSync("/proc/self/limits", "latin1");
  } catch {
    return UNKNOWN;
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
