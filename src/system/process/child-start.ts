/**
 * Keeps a child from inheriting what is meant for this process: the limit of open files that it raised for
 * itself, and the protection from the OOM killer that the service manager gave it. fork(2) copies both, and Bun
 * offers nothing between fork and exec, so this process gives them up for that moment.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { withLimitAtStart } from "./descriptors.ts";

/** @param start starts the child before it returns */
export function startChild<Child>(start: () => Child): Child {
  return withLimitAtStart(() => withoutProtection(start));
}

/**
 * proc_pid_oom_score_adj(5): below zero, the process is spared when memory is short. With OOMScoreAdjust=-900
 * in the agent's unit its scripts would be spared too, and other services killed in their place.
 */
const OOM_SCORE = "/proc/self/oom_score_adj";
/** The score of a process that is not protected; a process that is to be killed before others has a higher one. */
const UNPROTECTED = 0;

function withoutProtection<Child>(start: () => Child): Child {
  const own = readOomScore();
  return withOomScore(Math.max(own, UNPROTECTED), own, start);
}

/**
 * Runs a step under another score and restores the score. A process without privileges may go down to the lowest
 * score that a privileged one gave it. If even that is forbidden, the step runs under the process's own score.
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
    // This is not Linux, or there is no /proc.
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
