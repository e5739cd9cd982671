/** Reads the stream of one run, over as many connections as it takes: each goes on where the previous one broke. */
import { CtrlExecError } from "../../core/errors.ts";
import {
  NO_OFFSETS,
  type RunEnding,
  type RunEvent,
  type StreamOffsets,
} from "../../core/run-event.ts";
import { FrameReader } from "../../core/wire/frame-reader.ts";
import { Deadline } from "../../system/deadline.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import type { RunStream } from "./agent-request.ts";
import type { ContactWatch } from "./contact-watch.ts";

/** A run, and the receiver of its events. */
export interface Following {
  readonly reqid: string;
  /** Where reading goes on; undefined from the first byte. */
  readonly from?: StreamOffsets;
  /**
   * Called for one event after the other: `begin` once, whatever breaks on the way. More is read when the promise has
   * resolved; if it rejects, reading ends with that error.
   */
  readonly onEvent: (event: RunEvent) => Promise<void> | void;
  /** Ends the reading, including a question that has not been answered yet; the run goes on. */
  readonly signal?: AbortSignal | undefined;
  /** For somebody who watches. */
  readonly contact?: ContactWatch | undefined;
}

export class EventReader {
  readonly #following: Following;
  readonly #silenceMs: number;
  #offsets: StreamOffsets;
  #begun = false;
  #end: RunEnding | undefined;
  #broken = false;
  #heardAt: number | undefined;

  /** @param silenceMs after this much silence the agent counts as gone; its signs of life come every 10 s */
  constructor(following: Following, silenceMs: number) {
    this.#following = following;
    this.#silenceMs = silenceMs;
    this.#offsets = following.from ?? NO_OFFSETS;
  }

  /** Where another stream can go on. */
  get offsets(): StreamOffsets {
    return this.#offsets;
  }

  /** Whether an agent has reported that the run has begun. */
  get begun(): boolean {
    return this.#begun;
  }

  /** How it ended; undefined until that has arrived. */
  get end(): RunEnding | undefined {
    return this.#end;
  }

  /** Whether another connection would not help: a stream was invalid, or nobody listens any more. */
  get broken(): boolean {
    return this.#broken || this.#following.signal?.aborted === true;
  }

  /** As in `performance.now()`: when the last piece came; undefined if none has. */
  get heardAt(): number | undefined {
    return this.#heardAt;
  }

  /** Reads a stream to its end. @throws if it breaks, is invalid, or nobody listens any more */
  async take(stream: RunStream): Promise<void> {
    const { signal, contact } = this.#following;
    const abandon = () => stream.abandon();
    if (signal?.aborted) abandon();
    signal?.addEventListener("abort", abandon);
    const frames = new FrameReader(this.#offsets);
    let silent = false;
    using silence = new Deadline(this.#silenceMs, () => {
      silent = true;
      abandon();
    });
    try {
      while (this.#end === undefined) {
        silence.restart();
        contact?.waiting(performance.now() + this.#silenceMs);
        const content = await stream.next();
        silence.stop();
        contact?.heard();
        this.#heardAt = performance.now();
        await this.#hear(frames, content);
      }
    } catch (thrown) {
      if (silent) throw noSignOfLife(this.#silenceMs, thrown);
      // Another connection helps only in place of one that broke.
      if (!(thrown instanceof ConnectionFailed)) this.#broken = true;
      throw thrown;
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  async #hear(frames: FrameReader, content: Buffer | undefined): Promise<void> {
    if (content === undefined) {
      throw new CtrlExecError("protocol", "answered wrongly: its stream stops before its end");
    }
    for (const event of frames.take(content)) {
      await this.#tell(event);
      this.#offsets = frames.offsets;
      if (this.#end !== undefined) return;
    }
  }

  async #tell(event: RunEvent): Promise<void> {
    if (event.kind === "end") this.#end = event.end;
    if (event.kind === "begin") {
      if (event.reqid !== this.#following.reqid) {
        throw new CtrlExecError("protocol", "answered wrongly: its stream is of another run");
      }
      if (this.#begun) return;
      this.#begun = true;
    }
    await this.#following.onEvent(event);
  }
}

function noSignOfLife(ms: number, cause: unknown): CtrlExecError {
  return new CtrlExecError("timeout", `no sign of life for ${ms / 1000}s`, { cause });
}
