/** The writes of one run's record: one at a time, in order, and only for as long as the record is ours. */
import { messageOf } from "../../core/errors.ts";
import { takeLock } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { lockPath } from "./lock-path.ts";
import { isOfAnother } from "./record-writer.ts";

/** The least time between two writes of a run under way; also at least twenty times as long as the last one took. */
const WRITE_PAUSE_MS = 1000;
const WRITE_SHARE = 20;

/** Another writer of the record takes as long as writing a record does. */
const WAIT_MS = 10_000;

export class RecordWrites {
  readonly #controller: StoreContext;
  readonly #reqid: string;
  readonly #file: string;
  /**
   * The writer of the process that carries out a rollout; other runs have none, because no other process takes over
   * their record.
   */
  readonly #writer: string | undefined;
  readonly #taken = Promise.withResolvers<void>();
  #isTaken = false;
  #last: Promise<boolean> = Promise.resolve(true);
  #pauseMs = WRITE_PAUSE_MS;

  constructor(controller: StoreContext, reqid: string, file: string, writer: string | undefined) {
    this.#controller = controller;
    this.#reqid = reqid;
    this.#file = file;
    this.#writer = writer;
  }

  /** Resolves when another process has taken the record over. */
  get takenOver(): Promise<void> {
    return this.#taken.promise;
  }

  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** How long the next write should wait, so that writing takes little of the host's capacity. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** Resolves with whether the last of the writes asked for so far succeeded. */
  get last(): Promise<boolean> {
    return this.#last;
  }

  /** The first write, which creates the record. Failures are logged. */
  begin(write: () => Promise<void>): Promise<boolean> {
    this.#last = this.#tried(write);
    return this.#last;
  }

  /** A write after all those asked for before. Failures are logged. */
  add(write: () => Promise<void>): void {
    this.#last = this.#last.then(() => this.#tried(() => this.#ifOurs(write)));
  }

  /** A process that goes on with a rollout holds the lock until the record names it. */
  async #ifOurs(write: () => Promise<void>): Promise<void> {
    if (this.#writer === undefined) return await write();
    using _lock = await takeLock(lockPath(this.#controller.config, "run-records"), WAIT_MS);
    if (!this.#isTaken && (await isOfAnother(this.#file, this.#writer))) {
      this.#isTaken = true;
      this.#taken.resolve();
    }
    if (this.#isTaken) throw new Error("another process has taken the record over");
    await write();
  }

  async #tried(write: () => Promise<void>): Promise<boolean> {
    const started = performance.now();
    try {
      await write();
      return true;
    } catch (thrown) {
      const { log } = this.#controller;
      log({ event: "run-store-fail", error: messageOf(thrown), reqid: this.#reqid });
      return false;
    } finally {
      this.#pauseMs = Math.max(WRITE_PAUSE_MS, WRITE_SHARE * (performance.now() - started));
    }
  }
}
