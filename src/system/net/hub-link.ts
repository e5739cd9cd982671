/** A control connection to a hub, at either end: frames, and signs of life. */
import { type HubFrame, HubFrameReader, hubFrame } from "../../core/wire/hub-frames.ts";
import { Deadline } from "../deadline.ts";
import type { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";

/** A peer that says nothing for longer is dead: with what a busy process may be late, it is noticed within 30 s (T43). */
const LIMITS = { aliveMs: 10_000, silenceMs: 25_000 };

/** A peer that takes nothing is not written to without end. */
const MAX_UNSENT = 65_536;

export type LinkEnd = "silence" | "not frames" | "takes nothing" | "closed";

export class HubLink {
  readonly #connection: Connection;
  readonly #reader = new HubFrameReader();
  readonly #onFrame: (frame: HubFrame) => void;
  readonly #silence: Deadline;
  readonly #alive: ReturnType<typeof setInterval>;
  #unsent = 0;
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
    this.#silence = new Deadline(limits.silenceMs, () => this.#fail("silence"));
    this.#alive = setInterval(() => this.send({ type: "K" }), limits.aliveMs);
    connection.read({
      data: (piece) => this.#take(piece),
      end: () => connection.close(),
      closed: (fault) => {
        this.#silence.stop();
        clearInterval(this.#alive);
        onEnd(this.#end, fault);
      },
    });
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  send(frame: HubFrame): void {
    const bytes = hubFrame(frame);
    this.#unsent += bytes.length;
    if (this.#unsent > MAX_UNSENT) {
      this.#fail("takes nothing");
      return;
    }
    void this.#connection.write(bytes).then(() => {
      this.#unsent -= bytes.length;
    });
  }

  /** Closes it after what was sent; a peer that does not take it is not waited for longer than for a sign of life. */
  end(): void {
    void this.#connection.end();
  }

  close(): void {
    this.#connection.close();
  }

  #take(piece: Buffer): void {
    this.#silence.restart();
    const frames = this.#reader.take(piece);
    if (frames === undefined) this.#fail("not frames");
    for (const frame of frames ?? []) {
      if (frame.type !== "K" && !this.closed) this.#onFrame(frame);
    }
  }

  #fail(end: LinkEnd): void {
    this.#end = end;
    this.#connection.fail(new ConnectionFailed(end === "silence" ? "ETIMEDOUT" : "EPROTO"));
  }
}
