/**
 * The mark of a job, which is inherited by everything that its script starts, including processes that have left its
 * session and cleared their environment: a soft limit that nothing else uses, on realtime processor time spent
 * without sleeping (getrlimit(2)), of over a hundred thousand years. Anyone can read it for any process, and put it on
 * their own: it says something only of processes of this process's user. It does not
 * survive a login (pam_limits), so what a script starts through sudo is found by its parents, sessions and cgroup, or as
 * a child of the job's shim.
 */
import type { ProcessFacts } from "../../core/job-members.ts";
import { readOf } from "./process-table.ts";
import { limitIn, type ResourceLimit, readLimit, setLimit, UNLIMITED } from "./resource-limits.ts";

/** Nobody sets a limit this high: microseconds. */
const FIRST = 2n ** 62n;

/** Of what is no job's: more than 15 digits can add. */
const NO_JOB = FIRST + 2n ** 61n;

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
  const before = markable();
  if (before === undefined || !setMark(mark)) return step();
  try {
    return step();
  } finally {
    setMark(before.soft);
  }
}

/**
 * For a program that a script may have started and that is not part of its job: the agent. What it starts is not
 * either, unless it gets a mark.
 */
export function leaveJobs(): void {
  const now = markable();
  if (now !== undefined && now.soft >= FIRST) setMark(NO_JOB);
}

/** Whether this process's children can have marks. */
export function canMark(): boolean {
  return markable() !== undefined;
}

/** @returns undefined when it has none, or is another user's: anyone may give any mark to their own processes */
export function hasMark({ pid }: ProcessFacts, mark: JobMark): boolean | undefined {
  const found = markIn(readOf(pid, "limits"));
  return found === undefined || !isOwn(pid) ? undefined : found === mark;
}

/** By its real user: what another user has started stays theirs in this, although it has this user's rights (setuid). */
function isOwn(pid: number): boolean {
  const [, user] = /^Uid:\s+(\d+)/m.exec(readOf(pid, "status") ?? "") ?? [];
  return user !== undefined && Number(user) === process.getuid?.();
}

function markIn(limits: string | undefined): JobMark | undefined {
  const soft = limits === undefined ? undefined : limitIn(limits, "realtime timeout")?.soft;
  return soft === undefined || soft < FIRST || soft === UNLIMITED ? undefined : soft;
}

function markable(): ResourceLimit | undefined {
  if (process.platform !== "linux") return undefined;
  const limit = readLimit("realtime timeout");
  return limit?.hard === UNLIMITED ? limit : undefined;
}

function setMark(soft: bigint): boolean {
  return setLimit("realtime timeout", { soft, hard: UNLIMITED });
}
