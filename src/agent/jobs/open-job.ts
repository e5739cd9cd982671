/** A job whose folder is at hand: one that is running, or one that has ended and is asked for. */
import { systemCode } from "../../core/errors.ts";
import type { OutputStream, RunEnding, RunEvent, StreamOffsets } from "../../core/run-event.ts";
import { shortageOf } from "../../core/shortage.ts";
import type { ProcessId } from "../../system/process/process-id.ts";
import { bootId } from "../../system/process/process-table.ts";
import type { Endable } from "./cancels.ts";
import { follow, type Readable } from "./follow.ts";
import type { Job, JobFacts, KeptOutput } from "./job.ts";
import { bytesOnDisk, type JobCancel, type JobFolder, type JobRequest } from "./job-folder.ts";
import { recordIn, remainsIn } from "./job-records.ts";
import type { KeptBytes } from "./shim-messages.ts";

/** Read in pieces of this many bytes. */
const PIECE_BYTES = 262_144;

/** Which folders are in use at the moment. */
export class Holds {
  readonly #counts = new Map<string, number>();

  has(folder: JobFolder): boolean {
    return this.#counts.has(folder.path);
  }

  /** Until the function that this returns is called; one call is enough. */
  take({ path }: JobFolder): () => void {
    this.#counts.set(path, (this.#counts.get(path) ?? 0) + 1);
    let held = true;
    return () => {
      const others = (this.#counts.get(path) ?? 1) - 1;
      if (held && others > 0) this.#counts.set(path, others);
      else if (held) this.#counts.delete(path);
      held = false;
    };
  }
}

/** The keeper of the folders. */
export interface JobKeeper {
  readonly holds: Holds;
  /** A file of the job cannot be read, or is shorter than it was. */
  damaged(job: OpenJob, file: string, thrown: unknown): void;
}

export class OpenJob implements Job, Readable, Endable {
  readonly folder: JobFolder;
  readonly request: JobRequest;
  readonly ended: Promise<RunEnding>;
  /** The process that starts it and writes its end, once that is known. */
  shim: ProcessId | undefined;
  /** How many bytes of the file that says what is known of it have been read. */
  linesLength = 0;
  readonly #keeper: JobKeeper;
  #cancelledBy: string | undefined;
  #started: string | undefined;
  #kept: KeptBytes = { stdout: 0, stderr: 0 };
  #ending: RunEnding | undefined;
  #resolveEnded: (ending: RunEnding) => void;
  #change = Promise.withResolvers<void>();
  #readers = 0;

  constructor(folder: JobFolder, request: JobRequest, keeper: JobKeeper) {
    this.folder = folder;
    this.#keeper = keeper;
    this.request = request;
    const { promise, resolve } = Promise.withResolvers<RunEnding>();
    this.ended = promise;
    this.#resolveEnded = resolve;
  }

  get facts(): JobFacts {
    const { reqid, script, username } = this.request;
    const ending = this.#ending;
    return {
      reqid,
      script,
      username,
      state: ending?.state ?? "running",
      started: ending?.started ?? this.#started ?? "",
      ended: ending?.ended,
    };
  }

  get name(): string {
    return this.folder.name;
  }

  /** ISO 8601; undefined as long as its script is not known to have started. */
  get started(): string | undefined {
    return this.#started;
  }

  /** The script's process; undefined if it is not known, or not known yet. */
  get root(): ProcessId | undefined {
    return recordIn(this.folder)?.start?.root;
  }

  get isAlone(): boolean {
    return recordIn(this.folder)?.start?.alone === true;
  }

  get remains(): readonly ProcessId[] {
    return remainsIn(this.folder);
  }

  /** The disk space that it takes. */
  get bytes(): number {
    return bytesOnDisk(this.linesLength, this.#kept);
  }

  get begin(): Extract<RunEvent, { readonly kind: "begin" }> {
    const { reqid, script, asked } = this.request;
    return { kind: "begin", reqid, script, started: this.#started ?? asked };
  }

  /** Its end is not known. */
  get isOpen(): boolean {
    return this.#ending === undefined;
  }

  get ending(): RunEnding | undefined {
    return this.#ending;
  }

  /** Nobody has seen its end, and the host has not gone down since. */
  get isLost(): boolean {
    return this.#ending?.state === "lost" && this.shim?.boot === bootId();
  }

  /** Somebody is waiting for what it prints. */
  get isRead(): boolean {
    return this.#readers > 0;
  }

  begins(started: string): void {
    this.#started = started;
    this.#tell();
  }

  /** Returns by how many bytes it grew. */
  grew(kept: KeptBytes): number {
    const grown = kept.stdout + kept.stderr - this.keptBytes;
    this.#kept = kept;
    if (grown !== 0) this.#tell();
    return grown;
  }

  /** Readers now see its end. It is already in the folder. */
  end(ending: RunEnding): void {
    this.#ending = ending;
    this.#tell();
  }

  /** Those who wait for its end go on. */
  settle(ending: RunEnding): void {
    this.#resolveEnded(ending);
  }

  get keptBytes(): number {
    return this.#kept.stdout + this.#kept.stderr;
  }

  kept(stream: OutputStream): number {
    return this.#kept[stream];
  }

  changed(): Promise<void> {
    return this.#change.promise;
  }

  read(stream: OutputStream, offset: number, into: Uint8Array, hide: boolean): number {
    try {
      return this.#readWhatIsThere(stream, offset, into, hide);
    } catch (thrown) {
      if (shortageOf(systemCode(thrown)) !== undefined) throw thrown;
      return 0;
    }
  }

  async *follow(from: StreamOffsets, signal: AbortSignal, hide: boolean): AsyncGenerator<RunEvent> {
    const letGo = this.hold();
    this.#readers += 1;
    try {
      yield* follow(this, from, signal, hide);
    } finally {
      this.#readers -= 1;
      letGo();
    }
  }

  output(stream: OutputStream, hide: boolean): KeptOutput {
    const bytes = this.#kept[stream];
    const printed = this.#ending?.[`${stream}_bytes`] ?? bytes;
    return {
      bytes,
      dropped: Math.max(0, printed - bytes),
      chunks: () => this.#chunks(stream, bytes, hide),
    };
  }

  /** Its shim reads it; if it cannot be written, only this process knows about it. */
  note(cancel: JobCancel): void {
    try {
      this.folder.writeCancel(cancel);
    } catch {
      this.#cancelledBy = cancel.by;
    }
  }

  noteRemains(remains: readonly ProcessId[]): void {
    this.folder.add({ remains });
  }

  /** An end as its shim knows it, and what the shim could not read. */
  told(ending: RunEnding): RunEnding {
    const by = this.#cancelledBy;
    if (by === undefined || ending.state !== "ended" || ending.cancelled) return ending;
    return { ...ending, cancelled: true, cancelled_by: by };
  }

  hold(): () => void {
    return this.#keeper.holds.take(this.folder);
  }

  *#chunks(stream: OutputStream, bytes: number, hide: boolean): Generator<Uint8Array> {
    for (let offset = 0; offset < bytes; ) {
      const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes - offset));
      const read = this.#readWhatIsThere(stream, offset, buffer, hide);
      offset += read;
      yield buffer.subarray(0, read);
    }
  }

  /** @throws if nothing was read */
  #readWhatIsThere(stream: OutputStream, offset: number, into: Uint8Array, hide: boolean): number {
    try {
      const read = this.folder.readOutput(stream, offset, into, hide);
      if (read === 0) throw new Error("it is shorter than it was");
      return read;
    } catch (thrown) {
      this.#keeper.damaged(this, this.folder.fileOf(stream), thrown);
      throw thrown;
    }
  }

  #tell(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
