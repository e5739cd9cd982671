/**
 * The mark of a job, which is inherited by everything that its script starts, including processes that have left its
 * session and cleared their environment: a soft limit that nothing else uses, on realtime processor time spent
 * without sleeping (getrlimit(2)), of over a hundred thousand years. Anyone can read it for any process. It does not
 * survive a login (pam_limits), so what a script starts through sudo is found by its parents, sessions and cgroup.
 */
import type { ProcessFacts } from "../../core/job-members.ts";
import { readOf } from "./process-table.ts";
import { limitIn, readLimit, setLimit, UNLIMITED } from "./resource-limits.ts";

/** Nobody sets a limit this high: microseconds. */
const FIRST = 2n ** 62n;

export type JobMark = bigint;

/** @param name of the job's folder: random hexadecimal digits, of which 15 fit */
export function jobMark(name: string): JobMark {
  return FIRST + BigInt(`0x${name.slice(0, 15)}`);
}

/**
 * Runs a step under a mark: a child that is started in it inherits the mark. Without the mark if this process has a
 * lower limit of its own.
 */
export function withMark<Result>(mark: JobMark, step: () => Result): Result {
  if (!setMark(mark)) return step();
  try {
    return step();
  } finally {
    setMark(UNLIMITED);
  }
}

/** For a program that a script may have started and that is not part of its job: the agent. */
export function removeMark(): void {
  if (process.platform !== "linux") return;
  if (markIn(readOf(process.pid, "limits")) !== undefined) setMark(UNLIMITED);
}

/** @returns undefined when it has none */
export function hasMark({ pid }: ProcessFacts, mark: JobMark): boolean | undefined {
  const found = markIn(readOf(pid, "limits"));
  return found === undefined ? undefined : found === mark;
}

function markIn(limits: string | undefined): JobMark | undefined {
  const soft = limits === undefined ? undefined : limitIn(limits, "realtime timeout")?.soft;
  return soft === undefined || soft < FIRST || soft === UNLIMITED ? undefined : soft;
}

function setMark(soft: bigint): boolean {
  if (process.platform !== "linux") return false;
  const hard = readLimit("realtime timeout")?.hard;
  return hard === UNLIMITED && setLimit("realtime timeout", { soft, hard });
}
