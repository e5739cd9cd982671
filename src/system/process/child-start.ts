/**
 * What a child inherits at its start that is this process's own: the limit of open files that it raised for
 * itself, and the protection from the kernel's search for memory that the service manager gave it. Both are
 * copied by fork(2), and Bun offers nothing between fork and exec; so this process gives them up for that
 * moment.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { withLimitAtStart } from "./descriptors.ts";

/** @param start starts the child before it returns */
export function startChild<Child>(start: () => Child): Child {
  return withLimitAtStart(() => withoutProtection(start));
}

/**
 * proc_pid_oom_score_adj(5): below zero, the process is spared when memory is short. With OOMScoreAdjust=-900
 * in the agent's unit its scripts would be spared as well, and other services be killed for them.
 */
const OOM_SCORE = "/proc/self/oom_score_adj";
/** What a service manager gives whom nobody protects. */
const UNPROTECTED = 0;

function withoutProtection<Child>(start: () => Child): Child {
  const own = readOomScore();
  return own < UNPROTECTED ? withOomScore(UNPROTECTED, own, start) : start();
}

/**
 * Does something under another score and goes back, as a process without privileges may down to the lowest
 * that it was given by one with them. Where even that is forbidden it is done under its own.
 */
export function withOomScore<Result>(score: number, own: number, step: () => Result): Result {
  if (!setOomScore(score)) return step();
  try {
    return step();
  } finally {
    setOomScore(own);
  }
}

function readOomScore(): number {
  try {
    return Number(readFileSync(OOM_SCORE, "latin1"));
  } catch {
    // Not Linux, or no /proc.
    return UNPROTECTED;
  }
}

function setOomScore(score: number): boolean {
  try {
    writeFileSync(OOM_SCORE, String(score));
    return true;
  } catch {
    return false;
  }
}
