/** One job in the shim: from the start of its script to its end in the folder. */
import { systemCode } from "../../core/errors.ts";
import type { RunEnding } from "../../core/run-event.ts";
import { Deadline } from "../../system/deadline.ts";
import { Drain } from "../../system/process/drain.ts";
import { endJob } from "../../system/process/end-job.ts";
import { JobCgroup } from "../../system/process/job-cgroup.ts";
import { jobMark, withMark } from "../../system/process/job-mark.ts";
import { identify, type ProcessId } from "../../system/process/process-id.ts";
import { signalOf, TERM_GRACE_MS } from "../../system/process/run-process.ts";
import { type StartedProgram, startProgram } from "../../system/process/start-program.ts";
import { EXIT_NOT_EXECUTED, JobFolder } from "../jobs/job-folder.ts";
import { KeptStream, type Room } from "./kept-stream.ts";
import type { KeptBytes, StartMessage } from "./messages.ts";
import type { Reports } from "./reports.ts";

/** On a full disk. */
const RETRY_MS = 1_000;

/** Resolves when its end is in its folder, or it could not be started. */
export async function runJob(message: StartMessage, room: Room, reports: Reports): Promise<void> {
  const { job } = message;
  const program = withMark(jobMark(job), () =>
    startProgram({
      ...message,
      inputStalled: {
        afterMs: message.stdinTimeout * 1000,
        report: () => {
          reports.send({ kind: "stalled", job, bytes: Buffer.byteLength(message.input) });
        },
      },
    }),
  );
  if (program.kind === "not-started") {
    const { code, mayHaveRun } = program;
    reports.send({ kind: "not-started", job, code, mayHaveRun });
    return;
  }
  await new ShimJob(message, program, room, reports).run();
}

class ShimJob {
  readonly #message: StartMessage;
  readonly #program: StartedProgram;
  readonly #reports: Reports;
  readonly #folder: JobFolder;
  readonly #started = new Date().toISOString();
  readonly #root: ProcessId;
  readonly #stdout: KeptStream;
  readonly #stderr: KeptStream;

  constructor(message: StartMessage, program: StartedProgram, room: Room, reports: Reports) {
    this.#message = message;
    this.#program = program;
    this.#reports = reports;
    this.#folder = new JobFolder(message.folder);
    const { pid } = program.subprocess;
    // Nobody but this process reaps it, so it is there even if it has ended.
    this.#root = identify(pid) ?? { pid, start: 0, boot: "" };
    const keep = (stream: "stdout" | "stderr") =>
      new KeptStream(this.#folder.fileOf(stream), message.maxOutput, room);
    this.#stdout = keep("stdout");
    this.#stderr = keep("stderr");
  }

  async run(): Promise<void> {
    const { job } = this.#message;
    const root = this.#root;
    const started = this.#started;
    this.#writeStarted();
    this.#reports.send({ kind: "started", job, root, started });
    const cgroup = JobCgroup.make(job);
    void cgroup?.takeTree(root);
    const drains = [
      new Drain(this.#program.stdout, (chunk) => this.#take(this.#stdout, chunk)),
      new Drain(this.#program.stderr, (chunk) => this.#take(this.#stderr, chunk)),
    ];
    const ended = await this.#endsInTime();
    this.#program.stopFeeding();
    await Promise.all(drains.map((drain) => drain.finish()));
    const kept = this.#kept();
    this.#stdout.close();
    this.#stderr.close();
    const ending = this.#ending(ended);
    const isWritten = this.#writes(ending);
    this.#reports.send({ kind: "ended", job, kept, ending });
    cgroup?.remove();
    if (!isWritten) await this.#writeWhenThereIsRoom(ending);
  }

  #writeStarted(): void {
    try {
      this.#folder.writeStarted({ root: this.#root, started: this.#started });
    } catch {
      // The disk is full: an agent that comes later will not know which process it is.
    }
  }

  #writes(ending: RunEnding): boolean {
    try {
      this.#folder.writeEnding(ending);
      return true;
    } catch (thrown) {
      // Somebody has removed the folder: nobody asks for it any more.
      return systemCode(thrown) === "ENOENT";
    }
  }

  /** The agent knows the end already, unless it was not there. */
  async #writeWhenThereIsRoom(ending: RunEnding): Promise<void> {
    do await Bun.sleep(RETRY_MS);
    while (!this.#writes(ending));
  }

  #take(stream: KeptStream, chunk: Uint8Array): void {
    stream.take(chunk);
    this.#reports.grew(this.#message.job, () => this.#kept());
  }

  #kept(): KeptBytes {
    return { stdout: this.#stdout.kept, stderr: this.#stderr.kept };
  }

  /** Returns how many processes are left of a script that took too long; undefined if it did not. */
  async #endsInTime(): Promise<number | undefined> {
    const { exited } = this.#program.subprocess;
    const { job, timeout } = this.#message;
    if (timeout === undefined) {
      await exited;
      return undefined;
    }
    let end: Promise<{ readonly left: number }> | undefined;
    using _limit = new Deadline(timeout * 1000, () => {
      end = endJob({ name: job, root: this.#root, spared: [] }, TERM_GRACE_MS);
    });
    await exited;
    return (await end)?.left;
  }

  /** @param left as above */
  #ending(left: number | undefined): RunEnding {
    const { subprocess } = this.#program;
    const signal = signalOf(subprocess);
    const by = this.#folder.cancelledBy;
    return {
      state: "ended",
      exit: subprocess.exitCode ?? EXIT_NOT_EXECUTED,
      ...(signal !== undefined && { signal }),
      ...(left !== undefined && { timed_out: true, error: this.#lateError(left) }),
      ...(by !== undefined && { cancelled: true, cancelled_by: by }),
      started: this.#started,
      ended: new Date().toISOString(),
      stdout_bytes: this.#stdout.printed,
      stderr_bytes: this.#stderr.printed,
    };
  }

  /** What 0.8 shows of a script that took too long. */
  #lateError(left: number): string {
    const error = `script timed out after ${this.#message.timeout}s and was ended`;
    return left === 0 ? error : `${error}; ${left} of its processes could not be`;
  }
}
