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
  /**
   * Whether the process itself says that it belongs to this job (true) or to none or another one (false). It may lie:
   * this tells nothing about its session.
   */
  isMarked(process: ProcessFacts): boolean | undefined;
  /** Whether a process is running that may be older than all those that are given. */
  isRunning?(pid: number): boolean;
  /** Numbers of processes that belonged to it: each may have led a session. */
  readonly former?: ReadonlySet<number>;
  /** Keys of those of the known that were found as `isOnlyMarked`. */
  readonly onlyMarked?: ReadonlySet<string>;
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
  /** Nothing but a mark tells of it, or of what it is below. */
  readonly isOnlyMarked?: true;
}

/**
 * The known processes, the marked ones, their descendants, and their sessions: a script starts in a session of its
 * own, and only a descendant of a session's first process can be in that session (setsid(2)). The session of a
 * process that is only marked, or below such a one, counts if its first process belongs to the job, or did before it
 * ended. The oldest come first.
 */
export function membersOf(processes: readonly ProcessFacts[], clues: JobClues): Member[] {
  const spared = new Set(clues.spared.map(keyOf));
  const known = new Set(clues.known.map(keyOf));
  const links = new Map<string, ProcessFacts[]>();
  const members = new Map<ProcessFacts, Member>();
  const marked: ProcessFacts[] = [];
  for (const process of processes) {
    if (spared.has(keyOf(process))) continue;
    const isMarked = clues.isMarked(process);
    if (isMarked === false) continue;
    const key = keyOf(process);
    if (known.has(key) && clues.onlyMarked?.has(key) !== true) {
      members.set(process, { process, through: undefined });
    } else if (isMarked || known.has(key)) {
      marked.push(process);
    } else if (process.parent === clues.adopter?.pid) {
      members.set(process, { process, through: clues.adopter });
    }
    for (const link of [`below ${process.parent}`, `in ${process.session}`]) {
      const linked = links.get(link);
      if (linked === undefined) links.set(link, [process]);
      else linked.push(process);
    }
  }
  const isMarked = new Set(marked);
  const isLed = ledSessions(processes, clues);
  const follow = (isProven: boolean) => {
    // Those that are added in the process are visited too.
    for (const through of members.keys()) {
      const { pid, session } = through;
      const isOwn =
        pid === session || (!isLed(session) && (isProven || clues.former?.has(session) === true));
      for (const link of [`below ${pid}`, ...(isOwn ? [`in ${session}`] : [])]) {
        for (const process of links.get(link) ?? []) {
          if (members.has(process)) continue;
          const member = { process, through: isMarked.has(process) ? undefined : through };
          members.set(process, isProven ? member : { ...member, isOnlyMarked: true });
        }
      }
    }
  };
  follow(true);
  for (const process of marked) {
    if (members.has(process)) continue;
    members.set(process, { process, through: undefined, isOnlyMarked: true });
  }
  follow(false);
  return [...members.values()].sort(
    ({ process: one }, { process: other }) => one.start - other.start || one.pid - other.pid,
  );
}

/**
 * What says that it is not this job's (`isMarked`), although it is known, or below a member or in a session that one
 * leads: it is not touched, nor passed over in silence. Not what a spared process has started.
 */
export function withheldFrom(
  members: readonly Member[],
  processes: readonly ProcessFacts[],
  { known, spared, isMarked }: JobClues,
): ProcessFacts[] {
  const never = new Set(spared.map(keyOf));
  const sparedPids = new Set(spared.map(({ pid }) => pid));
  const isKnown = new Set(known.map(keyOf));
  const above = new Set(members.map(({ process }) => process.pid));
  const oldestFirst = [...processes].sort((one, other) => one.start - other.start);
  return oldestFirst.filter((process) => {
    if (isMarked(process) !== false || never.has(keyOf(process))) return false;
    if (sparedPids.has(process.parent)) return false;
    const isBelow = above.has(process.parent) || above.has(process.session);
    if (isBelow) above.add(process.pid);
    return isBelow || isKnown.has(keyOf(process));
  });
}

/** Whether the first process of a session is running. Each is asked for once: a thousand processes may share one. */
function ledSessions(
  processes: readonly ProcessFacts[],
  { isRunning }: JobClues,
): (session: number) => boolean {
  const known = new Map(processes.map(({ pid }) => [pid, true]));
  return (session) => {
    const isLed = known.get(session) ?? isRunning?.(session) === true;
    known.set(session, isLed);
    return isLed;
  };
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
