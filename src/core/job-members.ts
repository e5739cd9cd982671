/** Which processes belong to a job, from one look at the processes of its host. For Linux. */

export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  /** Clock ticks between boot and its start. */
  readonly start: number;
}

/** No other process has had the same number and start in this boot. */
export type ProcessKey = Pick<ProcessFacts, "pid" | "start">;

export interface JobClues {
  /** Those that are known to belong to it, if they are still running. The first process of a job is its script. */
  readonly known: readonly ProcessKey[];
  /** Processes that never belong to it, and that make nothing below them belong to it: the agent, its shim. */
  readonly spared: readonly ProcessKey[];
  /** Whether it is known in another way that a process belongs to this job (true) or to another one (false). */
  isMarked(process: ProcessFacts): boolean | undefined;
  /**
   * The subreaper of its script (prctl(2)), if all of these processes that were orphaned and became its children
   * belong to the job: a login takes the mark away, and setsid the session.
   */
  readonly adopter?: ProcessFacts | undefined;
}

/** A process and why it belongs to the job; undefined if it is known or marked. */
export interface Member {
  readonly process: ProcessFacts;
  /** A member whose child it is, or whose session it shares. */
  readonly through: ProcessFacts | undefined;
}

/**
 * The known processes, the marked ones, their descendants, and all of their sessions: a script starts in a session
 * of its own, and only a descendant of a session's first process can be in that session (setsid(2)). The oldest
 * come first.
 */
export function membersOf(processes: readonly ProcessFacts[], clues: JobClues): Member[] {
  const spared = new Set(clues.spared.map(keyOf));
  const known = new Set(clues.known.map(keyOf));
  const links = new Map<string, ProcessFacts[]>();
  const members = new Map<ProcessFacts, Member>();
  for (const process of processes) {
    if (spared.has(keyOf(process))) continue;
    const marked = clues.isMarked(process);
    if (marked === false) continue;
    if (marked === true || known.has(keyOf(process))) {
      members.set(process, { process, through: undefined });
    } else if (process.parent === clues.adopter?.pid) {
      members.set(process, { process, through: clues.adopter });
    }
    for (const link of [`below ${process.parent}`, `in ${process.session}`]) {
      const linked = links.get(link);
      if (linked === undefined) links.set(link, [process]);
      else linked.push(process);
    }
  }
  // Those that are added in the process are visited too.
  for (const through of members.keys()) {
    for (const link of [`below ${through.pid}`, `in ${through.session}`]) {
      for (const process of links.get(link) ?? []) {
        if (!members.has(process)) members.set(process, { process, through });
      }
    }
  }
  return [...members.values()].sort(
    ({ process: one }, { process: other }) => one.start - other.start || one.pid - other.pid,
  );
}

/**
 * Whether a link is real, although /proc is read process by process and a number may be reused in the meantime: first
 * the process, then the one that it is linked to, are read again, and both must be as they were (T75).
 *
 * @param again reads a process once more
 */
export function isConfirmed(
  { process, through }: Member,
  again: (pid: number) => ProcessFacts | undefined,
): boolean {
  const now = again(process.pid);
  if (now?.start !== process.start) return false;
  if (through === undefined) return true;
  const linked = now.parent === through.pid || now.session === through.session;
  const other = again(through.pid);
  return linked && other?.start === through.start && other.session === through.session;
}

export function keyOf({ pid, start }: ProcessKey): string {
  return `${pid} ${start}`;
}
