/**
 * Ends everything that a job's script has started: TERM, time to end in order, KILL. Each time /proc is read again,
 * until nothing new is found: a process that is found may start more before it is signalled.
 */
import {
  isConfirmed,
  keyOf,
  type Member,
  membersOf,
  type ProcessFacts,
  type ProcessKey,
  withheldFrom,
} from "../../core/job-members.ts";
import { inSlices } from "../in-slices.ts";
import { JobCgroup } from "./job-cgroup.ts";
import { canMark, hasMark, type JobMark, jobMark } from "./job-mark.ts";
import {
  isRunning,
  type ProcessId,
  type Signal,
  type SignalOutcome,
  signalProcess,
} from "./process-id.ts";
import { bootId, readProcess, readProcesses, readRunning } from "./process-table.ts";

export interface JobProcesses {
  /** The name of the job's folder: its mark and its cgroup are derived from it. */
  readonly name: string;
  /** The script itself; it need not be running any more. */
  readonly root: ProcessId;
  /** Others that are known to belong to it: what an earlier request has left. */
  readonly known?: readonly ProcessId[];
  /** Never touched: shims, including those that are started in the meantime. Neither is this process. */
  readonly spared: () => readonly ProcessKey[];
  /**
   * Whether what its shim has adopted since its start can only be its own: the shim had no other job in this time,
   * and no other child before. If not, such processes are counted and never touched.
   */
  readonly isAlone?: () => boolean;
}

export interface JobEnd {
  /** How many processes could not be ended, or may be another job's. */
  readonly left: number;
  /** Those of them that are this job's, if there are any. */
  readonly remains?: readonly ProcessId[];
  /** Why, if that is known. */
  readonly why?: Refusal;
}

type Refusal =
  | Extract<SignalOutcome, { readonly kind: "forbidden" | "no-handle" }>
  | { readonly kind: "doubtful" };

/** How long to go on killing a job that keeps starting processes, or that waits for a disk and cannot end. */
const KILL_MS = 5_000;

/** What has not ended is checked this often, and new processes are looked for that often. */
const POLL_MS = 5;
const LOOK_MS = 1_000;
const LOOK_KILLING_MS = 50;

/**
 * How often nothing may be found before everything counts as ended: a process that starts the next one and ends at
 * once is easily missed.
 */
const EMPTY_LOOKS = 5;

/**
 * @param graceMs between TERM and KILL; 0 kills at once
 * @param hurry ends that time early
 * @throws the system's error if the processes cannot be read: too many open files
 */
export async function endJob(
  job: JobProcesses,
  graceMs: number,
  hurry?: AbortSignal,
): Promise<JobEnd> {
  if (job.root.boot !== bootId()) return { left: 0 };
  const adopter = adopterOf(job);
  // A stopped process receives TERM when it continues.
  const asking = new Hunt(job, ["SIGTERM", "SIGCONT"], { adopter });
  const grace = performance.now() + graceMs;
  while (performance.now() < grace && !hurry?.aborted) {
    const found = await asking.look();
    if (found.length === 0) break;
    await untilEnded(found, Math.min(grace, performance.now() + LOOK_MS), hurry);
  }
  return await new Hunt(job, ["SIGKILL"], { adopter, before: asking }).kill();
}

/** The shim of a job whose script is running: it is asked before the script ends, and has another parent. */
function adopterOf({ root, spared }: JobProcesses): ProcessFacts | undefined {
  // Where nothing has a mark, an orphan and another job's script look the same.
  if (!canMark()) return undefined;
  const script = readRunning(root.pid);
  if (script?.start !== root.start) return undefined;
  const parent = readRunning(script.parent);
  const isShim = parent && spared().some((shim) => keyOf(shim) === keyOf(parent));
  return isShim ? parent : undefined;
}

/** Whether anything that its script has started is running. @throws as above */
export async function isJobRunning(job: JobProcesses): Promise<boolean> {
  if (job.root.boot !== bootId()) return false;
  const asking = new Hunt(job, []);
  return (await asking.look()).length + asking.withheld.length > 0;
}

/** Finds the processes of a job and sends each of them these signals, once. */
class Hunt {
  readonly #job: JobProcesses;
  readonly #signals: readonly Signal[];
  readonly #self: readonly ProcessKey[];
  readonly #mark: JobMark;
  /** Once found, never lost: the parent of a process may end, and the link to it is lost. */
  #known: readonly ProcessId[];
  /** The numbers of all that was ever known. */
  readonly #former: Set<number>;
  readonly #onlyMarked: Set<string>;
  /** What is the job's by its parents or session, and says that it is not: its parent may end before it. */
  #withheld: readonly ProcessId[] = [];
  readonly #sent = new Set<string>();
  readonly #adopter: ProcessFacts | undefined;
  #hasLooked = false;
  /** At the last check. */
  #refused = new Map<string, { readonly member: ProcessId; readonly why: Refusal }>();
  /** How many there were then that may be another job's. */
  #doubtful = 0;
  #cgroup: JobCgroup | undefined;

  constructor(
    job: JobProcesses,
    signals: readonly Signal[],
    { adopter, before }: { adopter?: ProcessFacts | undefined; before?: Hunt } = {},
  ) {
    this.#job = job;
    this.#signals = signals;
    this.#adopter = adopter;
    this.#known = before ? before.#known : [job.root, ...(job.known ?? [])];
    this.#withheld = before?.withheld ?? [];
    this.#onlyMarked = before ? before.#onlyMarked : new Set();
    this.#former = before ? before.#former : new Set(this.#known.map(({ pid }) => pid));
    this.#mark = jobMark(job.name);
    this.#cgroup = JobCgroup.find(job.name);
    const self = readProcess(process.pid);
    this.#self = self === undefined ? [] : [self];
  }

  get withheld(): readonly ProcessId[] {
    return this.#withheld;
  }

  get #spared(): readonly ProcessKey[] {
    return [...this.#job.spared(), ...this.#self];
  }

  get #kills(): boolean {
    return this.#signals.includes("SIGKILL");
  }

  /** Returns all that are running. */
  async look(): Promise<readonly ProcessId[]> {
    this.#refused = new Map();
    const marks = new Map<number, boolean | undefined>();
    const isSpared = (process: ProcessKey) =>
      this.#spared.some((spared) => keyOf(spared) === keyOf(process));
    const processes = await readProcesses(this.#job.root.start, (process) => {
      const isMarked = hasMark(process, this.#mark);
      marks.set(process.pid, isMarked);
      // A process that is to be killed may start the next one in the meantime. But at first it may be the only
      // evidence for a process without a mark, such as sudo. TERM goes to a script before the process that it waits
      // for.
      const atOnce = this.#hasLooked && this.#kills && isMarked;
      if (atOnce && !isSpared(process)) this.#signal(process);
    });
    this.#hasLooked = true;
    // Read after the processes: if one is still running when it is signalled, it is the one that was in there.
    const inside = new Set(this.#cgroup?.pids());
    const clues = {
      // No process enters a cgroup or leaves it without the rights of its owner: unlike a mark, that is proof.
      known: [...this.#known, ...this.#withheld, ...processes.filter(({ pid }) => inside.has(pid))],
      spared: this.#spared,
      isMarked: ({ pid }: ProcessFacts) => inside.has(pid) || marks.get(pid),
      isRunning: (pid: number) => readRunning(pid) !== undefined,
      former: this.#former,
      onlyMarked: this.#onlyMarked,
    };
    // The other job's start is known before anything of it runs.
    const isAlone = this.#job.isAlone?.() ?? false;
    const adopter = this.#adopter;
    const members = membersOf(processes, isAlone ? { ...clues, adopter } : clues);
    const found = await confirmed(members);
    this.#doubtful = 0;
    if (adopter !== undefined && !isAlone) {
      const sure = new Set(members.map(({ process }) => process));
      const all = membersOf(processes, { ...clues, adopter });
      const doubtful = all.filter(({ process }) => !sure.has(process));
      this.#doubtful = (await confirmed(doubtful)).length;
    }
    this.#known = found.map((process) => this.#idOf(process));
    for (const { pid } of found) this.#former.add(pid);
    for (const { process, isOnlyMarked } of members) {
      if (isOnlyMarked) this.#onlyMarked.add(keyOf(process));
      else this.#onlyMarked.delete(keyOf(process));
    }
    this.#withheld = withheldFrom(members, processes, clues).map((process) => this.#idOf(process));
    await inSlices(found, (process) => this.#signal(process));
    return this.#known;
  }

  async kill(): Promise<JobEnd> {
    const end = performance.now() + KILL_MS;
    for (let empty = 0; ; ) {
      const found = await this.look();
      empty = found.length === 0 ? empty + 1 : 0;
      if (empty === EMPTY_LOOKS) {
        this.#cgroup?.remove();
        const withheld = this.#withheld;
        const left = this.#doubtful + withheld.length;
        if (left === 0) return { left };
        return {
          left,
          ...(withheld.length > 0 && { remains: withheld }),
          why: { kind: "doubtful" },
        };
      }
      const refused = [...this.#refused.values()];
      const outside = await this.#killInCgroup(refused.map(({ member }) => member));
      const isFinal = found.length > 0 && outside === found.length;
      if (isFinal || performance.now() >= end) {
        const [first] = refused;
        const remains = [...found, ...this.#withheld];
        const left = remains.length + this.#doubtful;
        return { left, remains, ...(first && { why: first.why }) };
      }
      await untilEnded(found, performance.now() + LOOK_KILLING_MS);
    }
  }

  #idOf({ pid, start }: ProcessKey): ProcessId {
    return { pid, start, boot: this.#job.root.boot };
  }

  #signal(process: ProcessKey): void {
    const key = keyOf(process);
    if (this.#sent.has(key)) return;
    const member = this.#idOf(process);
    const outcome = signalProcess(member, ...this.#signals);
    if (outcome.kind === "sent") this.#sent.add(key);
    else if (outcome.kind !== "ended") this.#refused.set(key, { member, why: outcome });
  }

  /** @returns how many of these could not be put into it */
  async #killInCgroup(refused: readonly ProcessId[]): Promise<number> {
    if (refused.length > 0) this.#cgroup ??= JobCgroup.make(this.#job.name);
    const cgroup = this.#cgroup;
    if (cgroup === undefined) return refused.length;
    const inside = new Set(cgroup.pids());
    let outside = 0;
    for (const member of refused) {
      if (!inside.has(member.pid) && !(await cgroup.take(member))) outside += 1;
    }
    cgroup.kill();
    return outside;
  }
}

/** Those that are still what they were when they were read. */
async function confirmed(members: readonly Member[]): Promise<ProcessFacts[]> {
  const found: ProcessFacts[] = [];
  await inSlices(members, (member) => {
    if (isConfirmed(member, readRunning)) found.push(member.process);
  });
  return found;
}

/** Waits until all have ended, at most until a given time of performance.now(). */
async function untilEnded(
  members: readonly ProcessId[],
  end: number,
  hurry?: AbortSignal,
): Promise<void> {
  let running = members;
  while (running.length > 0 && performance.now() < end && !hurry?.aborted) {
    await Bun.sleep(POLL_MS);
    const still: ProcessId[] = [];
    await inSlices(running, (member) => {
      if (isRunning(member)) still.push(member);
    });
    running = still;
  }
}
