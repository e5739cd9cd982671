/** How many files this process may have open: the soft RLIMIT_NOFILE. */
import { readFileSync } from "node:fs";

/** What every system allows where the limit cannot be read (macOS has no /proc). */
const UNKNOWN = 256;

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
