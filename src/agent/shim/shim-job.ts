/** One job in the shim: from the start of its script to its end in the folder. */
import type { OutputStream, RunEnding } from "../../core/run-event.ts";
import { JobCgroup } from "../../system/process/job-cgroup.ts";
import { identify, type ProcessId } from "../../system/process/process-id.ts";
import type { StartedProgram } from "../../system/process/start-program.ts";
import { JobFolder, type JobLine } from "../jobs/job-folder.ts";
import { cancelIn } from "../jobs/job-records.ts";
import type { KeptBytes, StartMessage } from "../jobs/shim-messages.ts";
import { startMarked, WatchedScript } from "../scripts/watched-script.ts";
import { KeptStream, type Room } from "./kept-stream.ts";
import type { Reports } from "./reports.ts";
import type { Stay, Stays } from "./stays.ts";

/** On a full disk. */
const RETRY_MS = 1_000;

/**
 * How often it is tried for a folder that was removed: an agent that did not start the job needs a second to make it
 * again.
 */
const GONE_TRIES = 10;

/** Resolves when its end is in its folder, or it could not be started. */
export async function runJob(
  message: StartMessage,
  room: Room,
  reports: Reports,
  stays: Stays,
  retryMs = RETRY_MS,
): Promise<void> {
  const stay = stays.begin();
  try {
    await runWith(stay, message, room, reports, retryMs);
  } finally {
    stays.end(stay);
  }
}

async function runWith(
  stay: Stay,
  message: StartMessage,
  room: Room,
  reports: Reports,
  retryMs: number,
): Promise<void> {
  const { job, input, stdinTimeout } = message;
  const report = () => reports.send({ kind: "stalled", job, bytes: Buffer.byteLength(input) });
  const inputStalled = { afterMs: stdinTimeout * 1000, report };
  const program = startMarked(job, { ...message, inputStalled });
  if (program.kind === "not-started") {
    const { code, mayHaveRun } = program;
    reports.send({ kind: "not-started", job, code, mayHaveRun });
    return;
  }
  await new ShimJob(message, program, room, reports, stay).run(retryMs);
}

class ShimJob {
  readonly #job: string;
  readonly #script: WatchedScript;
  readonly #reports: Reports;
  readonly #stay: Stay;
  readonly #folder: JobFolder;
  readonly #streams: Readonly<Record<OutputStream, KeptStream>>;
  #isTold = false;
  #cgroup: JobCgroup | undefined;

  constructor(
    message: StartMessage,
    program: StartedProgram,
    room: Room,
    reports: Reports,
    stay: Stay,
  ) {
    const { job, folder, timeout, maxOutput, secret = "" } = message;
    this.#job = job;
    this.#reports = reports;
    this.#stay = stay;
    this.#folder = new JobFolder(folder);
    const keep = (stream: OutputStream) =>
      new KeptStream(this.#folder.fileOf(stream), maxOutput, room, secret);
    this.#streams = { stdout: keep("stdout"), stderr: keep("stderr") };
    const take = (stream: OutputStream, chunk: Uint8Array) => this.#take(stream, chunk);
    const goesOn = () => this.#goesOn();
    const cancel = () => cancelIn(this.#folder);
    const remains = (left: readonly ProcessId[]) => void this.#writes({ remains: left });
    const shim = identify(process.pid);
    const spared = () => (shim === undefined ? [] : [shim]);
    const isAlone = () => stay.isAlone;
    const rule = { job, timeout, take, goesOn, cancel, remains, spared, isAlone };
    this.#script = new WatchedScript(program, rule);
  }

  async run(retryMs: number): Promise<void> {
    const ending = await this.#script.ended;
    for (const stream of Object.values(this.#streams)) stream.end();
    const kept = this.#kept;
    for (const stream of Object.values(this.#streams)) stream.close();
    const isWritten = this.#writes({ end: ending });
    // In one message, if it was quick.
    this.#tellStart();
    const unwritten = isWritten ? undefined : true;
    this.#reports.send({ kind: "ended", job: this.#job, kept, ending, unwritten });
    this.#cgroup?.remove();
    if (!isWritten) await this.#writeWhenThereIsRoom(ending, retryMs);
  }

  /** The agent, a later agent, and the kernel now know it. */
  #goesOn(): void {
    const { root, started } = this.#script;
    this.#tellStart();
    if (root === undefined) return;
    const alone = this.#stay.isAlone ? true : undefined;
    // If the disk is full, an agent that comes later will not know which process it is.
    this.#writes({ start: { root, started, alone } });
    this.#stay.disturbed = () => void this.#writes({ start: { root, started } });
    this.#cgroup = JobCgroup.make(this.#job);
    void this.#cgroup?.takeTree(root);
  }

  #tellStart(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#reports.send({ kind: "started", job: this.#job, started: this.#script.started });
  }

  #writes(line: JobLine): boolean {
    try {
      this.#folder.add(line);
      return true;
    } catch {
      return false;
    }
  }

  /** The agent already knows the end, unless it was not there. */
  async #writeWhenThereIsRoom(end: RunEnding, retryMs: number): Promise<void> {
    let gone = 0;
    do {
      await Bun.sleep(retryMs);
      gone = this.#folder.isMissing ? gone + 1 : 0;
    } while (!this.#writes({ end }) && gone < GONE_TRIES);
  }

  #take(stream: OutputStream, chunk: Uint8Array): void {
    this.#streams[stream].take(chunk);
    this.#tellStart();
    this.#reports.grew(this.#job, () => this.#kept);
  }

  get #kept(): KeptBytes {
    const { stdout, stderr } = this.#streams;
    return { stdout: stdout.kept, stderr: stderr.kept };
  }
}
