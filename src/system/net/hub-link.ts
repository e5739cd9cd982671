/** A control connection to a hub, at either end: frames, and signs of life. */
import { type HubFrame, HubFrameReader, hubFrame } from "../../core/wire/hub-frames.ts";
import { Deadline } from "../deadline.ts";
import type { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";

/** A peer that says nothing for longer is dead: with what a busy process may be late, it is noticed within 30 s (T43). */
const LIMITS = {
  aliveMs: 10_000,
  silenceMs: 25_000,
  /** How long a peer may take its last frame. */
  lastMs: 5_000,
};

/** A peer that takes nothing is not written to without end. */
const MAX_UNSENT = 65_536;

export type LinkEnd = "silence" | "not frames" | "takes nothing" | "closed";

export class HubLink {
  readonly #connection: Connection;
  readonly #reader = new HubFrameReader();
  readonly #onFrame: (frame: HubFrame) => void;
  readonly #silence: Deadline;
  readonly #alive: ReturnType<typeof setInterval>;
  /** Bytes that the system has not taken yet, at most. */
  #unsent = 0;
  #last: Deadline | undefined;
  readonly #lastMs: number;
  #end: LinkEnd = "closed";

  /**
   * @param connection after its handshake
   * @param onFrame called for all frames except signs of life
   * @param onEnd called once, when it is closed
   */
  constructor(
    connection: Connection,
    onFrame: (frame: HubFrame) => void,
    onEnd: (end: LinkEnd, fault: ConnectionFailed | undefined) => void,
    limits = LIMITS,
  ) {
    this.#connection = connection;
    this.#onFrame = onFrame;
    this.#lastMs = limits.lastMs;
    this.#silence = new Deadline(limits.silenceMs, () => this.#fail("silence"));
    this.#alive = setInterval(() => this.send({ type: "K" }), limits.aliveMs);
    connection.read({
      data: (piece) => this.#take(piece),
      end: () => connection.close(),
      closed: (fault) => {
        this.#stopClocks();
        this.#last?.stop();
        onEnd(this.#end, fault);
      },
    });
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  /** Does nothing after `end`. */
  send(frame: HubFrame): void {
    if (this.#last !== undefined) return;
    const bytes = hubFrame(frame);
    const taken = this.#connection.write(bytes);
    if (!this.#connection.isBehind) return;
    this.#unsent += bytes.length;
    if (this.#unsent > MAX_UNSENT) this.#fail("takes nothing");
    else {
      void taken.then(() => {
        this.#unsent = 0;
      });
    }
  }

  /** Sends a last frame, and closes. What the peer still says is not heard, and keeps nothing open. */
  end(frame: HubFrame): void {
    if (this.#last !== undefined) return;
    this.send(frame);
    this.#stopClocks();
    this.#last = new Deadline(this.#lastMs, () => this.close());
    void this.#connection.end();
  }

  close(): void {
    this.#connection.close();
  }

  #stopClocks(): void {
    this.#silence.stop();
    clearInterval(this.#alive);
  }

  #take(piece: Buffer): void {
    if (this.#last !== undefined) return;
    this.#silence.restart();
    const frames = this.#reader.take(piece);
    if (frames === undefined) this.#fail("not frames");
    for (const frame of frames ?? []) {
      if (frame.type !== "K" && !this.closed && this.#last === undefined) this.#onFrame(frame);
    }
  }

  #fail(end: LinkEnd): void {
    this.#end = end;
    this.#connection.fail(new ConnectionFailed(end === "silence" ? "ETIMEDOUT" : "EPROTO"));
  }
}
