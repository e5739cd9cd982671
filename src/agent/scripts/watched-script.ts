/**
 * A script that has started, until it and its output have ended, in the process that is its parent: the shim, or
 * the agent where no job can be kept.
 */
import { OUTPUT_STREAMS, type OutputStream, type RunEnding } from "../../core/run-event.ts";
import { Deadline } from "../../system/deadline.ts";
import { Drain } from "../../system/process/drain.ts";
import { endJob, type JobEnd, type JobProcesses } from "../../system/process/end-job.ts";
import { jobMark, withMark } from "../../system/process/job-mark.ts";
import { identify, type ProcessId } from "../../system/process/process-id.ts";
import { bootId } from "../../system/process/process-table.ts";
import { signalOf, TERM_GRACE_MS } from "../../system/process/run-process.ts";
import {
  type NotStarted,
  type ProgramStart,
  type StartedProgram,
  startProgram,
} from "../../system/process/start-program.ts";

/** A signal ended the script, or it could not be executed (docs/PROTOCOL.md, section 2). */
export const EXIT_NOT_EXECUTED = 126;

/** What a script prints is read from then on. Most scripts have ended by then, and their output is read in one go. */
const READ_MS = 5;

/** A script that has not ended after this time counts as one that goes on. */
const GOES_ON_MS = 20;

/** Derived from the job's name: by this mark, what the script starts can be told from everything else on the host. */
export function startMarked(job: string, program: ProgramStart): StartedProgram | NotStarted {
  return withMark(jobMark(job), () => startProgram(program));
}

export interface ScriptRule extends Required<Pick<JobProcesses, "spared" | "isAlone">> {
  /** The job's name. */
  readonly job: string;
  /** Seconds after which everything that it has started is ended; undefined means no limit. */
  readonly timeout: number | undefined;
  /** Receives what it prints. */
  readonly take: (stream: OutputStream, chunk: Uint8Array) => void;
  /** Called if it has not ended at once, so that what is needed only for such scripts is not done for the others. */
  readonly goesOn: () => void;
  /** Whether somebody has asked for its end, and what came of that. */
  readonly cancel: () => AskedEnd | undefined;
  /** Receives what could not be ended of a script that took too long. */
  readonly remains: (remains: readonly ProcessId[]) => void;
}

export interface AskedEnd {
  readonly by: string;
  /** Milliseconds between TERM and KILL. */
  readonly graceMs: number;
  /** How many processes could not be ended; undefined until everything has been tried. */
  readonly left?: number;
}

/**
 * How long a requested end may take in addition to its grace, because an agent that was killed in the meantime starts
 * again.
 */
const CANCEL_MS = 10_000;
const CANCEL_LOOK_MS = 10;

export class WatchedScript {
  /** ISO 8601. */
  readonly started = new Date().toISOString();
  /** Resolves when nothing more is printed; never rejects. */
  readonly ended: Promise<RunEnding>;
  readonly #program: StartedProgram;
  readonly #rule: ScriptRule;
  readonly #printed = { stdout: 0, stderr: 0 };
  #root: ProcessId | undefined;

  constructor(program: StartedProgram, rule: ScriptRule) {
    this.#program = program;
    this.#rule = rule;
    this.ended = this.#untilEnded();
  }

  /**
   * The script's process; undefined if it ended before anyone asked: its number may belong to another process by now.
   */
  get root(): ProcessId | undefined {
    const { pid, exitCode, signalCode } = this.#program.subprocess;
    if (exitCode === null && signalCode === null) this.#root ??= identify(pid);
    return this.#root;
  }

  async #untilEnded(): Promise<RunEnding> {
    const { subprocess } = this.#program;
    const drains = OUTPUT_STREAMS.map(
      (stream) => new Drain(this.#program[stream], this.#taker(stream)),
    );
    let timer = setTimeout(() => {
      for (const drain of drains) void drain.begin();
      timer = setTimeout(this.#rule.goesOn, GOES_ON_MS);
    }, READ_MS);
    const late = await this.#endsInTime();
    clearTimeout(timer);
    this.#program.stopFeeding();
    await Promise.all(drains.map((drain) => drain.finish()));
    const signal = signalOf(subprocess);
    const cancel = await this.#cancelled();
    const error = this.#error(late, cancel);
    return {
      state: "ended",
      exit: subprocess.exitCode ?? EXIT_NOT_EXECUTED,
      ...(signal !== undefined && { signal }),
      ...(late !== undefined && { timed_out: true }),
      ...(error !== undefined && { error }),
      ...(cancel !== undefined && { cancelled: true, cancelled_by: cancel.by }),
      started: this.started,
      ended: new Date().toISOString(),
      stdout_bytes: this.#printed.stdout,
      stderr_bytes: this.#printed.stderr,
    };
  }

  #taker(stream: OutputStream): (chunk: Uint8Array) => void {
    return (chunk) => {
      this.#printed[stream] += chunk.length;
      this.#rule.take(stream, chunk);
    };
  }

  /** Returns how many processes of a script that took too long are left; undefined if it did not take too long. */
  async #endsInTime(): Promise<number | undefined> {
    const { exited } = this.#program.subprocess;
    const { job, timeout, spared, isAlone } = this.#rule;
    if (timeout === undefined) {
      await exited;
      return undefined;
    }
    let end: Promise<JobEnd> | undefined;
    using _limit = new Deadline(timeout * 1000, () => {
      const work = { name: job, root: rootOf(this.root), spared, isAlone };
      end = endJob(work, TERM_GRACE_MS);
    });
    await exited;
    const { left, remains = [] } = (await end) ?? {};
    if (remains.length > 0) this.#rule.remains(remains);
    return left;
  }

  /** Once it has ended, everything that it has started has ended too, or could not be ended. */
  async #cancelled(): Promise<AskedEnd | undefined> {
    let cancel = this.#rule.cancel();
    const most = performance.now() + CANCEL_MS + (cancel?.graceMs ?? 0);
    while (cancel !== undefined && cancel.left === undefined && performance.now() < most) {
      await Bun.sleep(CANCEL_LOOK_MS);
      cancel = this.#rule.cancel();
    }
    return cancel;
  }

  #error(late: number | undefined, cancel: AskedEnd | undefined): string | undefined {
    if (late !== undefined) return this.#lateError(late);
    const left = cancel?.left ?? 0;
    return left === 0 ? undefined : `${left} of its processes could not be ended`;
  }

  /** What 0.8 shows of a script that took too long. @param left as above */
  #lateError(left: number): string {
    const error = `script timed out after ${this.#rule.timeout}s and was ended`;
    return left === 0 ? error : `${error}; ${left} of its processes could not be`;
  }
}

/** For a job whose first process is not known: its mark tells what belongs to it. */
export function rootOf(root: ProcessId | undefined): ProcessId {
  return root ?? { pid: 0, start: 0, boot: bootId() };
}
