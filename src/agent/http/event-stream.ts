/**
 * Sends a run's events as chunks of frames (docs/PROTOCOL.md, section 9). The next event is asked for when the
 * system has taken the one before, so that a reader that is slow, or stops, costs no memory; the run does not
 * wait for it (T72).
 */
import type { RunEvent } from "../../core/run-event.ts";
import { ChunkWriter, LAST_CHUNK } from "../../core/wire/chunks.ts";
import { framePieces } from "../../core/wire/frames.ts";
import { Deadline } from "../../system/deadline.ts";
import type { Connection } from "../../system/net/connection.ts";
import type { ConnectionClock } from "./connection-clock.ts";

/** After this much silence the reader is told that the agent lives. */
const SILENCE_MS = 10_000;

/** The parts that are used here. */
type Peer = Pick<Connection, "closed" | "write">;
type Clock = Pick<ConnectionClock, "offering" | "stop">;

export class EventStream {
  readonly #peer: Peer;
  readonly #clock: Clock;
  readonly #silence: Deadline;
  readonly #chunks = new ChunkWriter();
  #written: Promise<void> = Promise.resolve();
  #over = false;

  /** The head of the answer has been written. */
  constructor(peer: Peer, clock: Clock, silenceMs = SILENCE_MS) {
    this.#peer = peer;
    this.#clock = clock;
    this.#silence = new Deadline(silenceMs, () => void this.#offer({ kind: "alive" }));
  }

  /**
   * Returns whether the body is complete. Otherwise the events ended early, or the connection is closed: nothing
   * may follow on it.
   */
  async send(events: AsyncIterable<RunEvent>): Promise<boolean> {
    try {
      for await (const event of events) {
        await this.#offer(event);
        if (this.#peer.closed) return false;
        if (event.kind === "end") return true;
      }
      return false;
    } finally {
      this.#over = true;
      this.#silence.stop();
      this.#clock.stop();
    }
  }

  /** One after the other: a sign of life may be under way when an event comes. */
  async #offer(event: RunEvent): Promise<void> {
    const pieces = framePieces(event);
    if (pieces.length === 0) return;
    const before = this.#written;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#written = promise;
    this.#silence.stop();
    await before;
    this.#clock.offering();
    await this.#peer.write(this.#chunks.chunkOf(pieces));
    if (event.kind === "end") await this.#peer.write(LAST_CHUNK);
    if (!this.#over) {
      this.#clock.stop();
      this.#silence.restart();
    }
    resolve();
  }
}
