/**
 * The chunked body of an answer, taken piece by piece: as long as nobody takes the next one, nothing more is
 * read, so that a slow reader slows the peer down and costs no memory (T72).
 */
import { ChunkReader } from "../../core/wire/chunks.ts";
import { passedThrough } from "../memory.ts";
import type { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";
import type { ConnectionReader } from "./connection-reader.ts";
import type { ReadPace } from "./read-pace.ts";

/** Bytes that may wait. One read of the system may bring more, and is not thrown away. */
const MAX_WAITING = 65_536;

export class HttpStream implements ConnectionReader {
  readonly #connection: Connection;
  readonly #pace: ReadPace | undefined;
  readonly #chunks = new ChunkReader();
  /** What is left of the piece that is being taken. */
  #content: Iterator<Buffer, void>;
  readonly #pieces: Buffer[] = [];
  #waiting = 0;
  #paused = false;
  #ended: ConnectionFailed | undefined;
  #wake: () => void = () => undefined;

  /**
   * @param first what has arrived of the body
   * @param pace entered for the connection, and left by the caller
   */
  constructor(connection: Connection, first: Buffer, pace: ReadPace | undefined) {
    this.#connection = connection;
    this.#content = this.#chunks.take(first);
    this.#pace = pace;
  }

  /**
   * The next bytes of the content; undefined when it is complete. Only one call at a time.
   *
   * @throws ConnectionFailed if it ends before, or CtrlExecError `protocol` if it is not made of chunks
   */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const content = this.#content.next();
      if (!content.done) return content.value;
      if (this.#chunks.ended) return undefined;
      if (this.#takePiece()) continue;
      if (this.#ended !== undefined) throw this.#ended;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      this.#readOn();
      await promise;
    }
  }

  /**
   * Nothing more will be taken. Returns whether the body is complete with what has arrived, and nothing follows
   * it: then the connection can be used again.
   */
  finish(): boolean {
    this.#readOn();
    try {
      while (this.#content.next().done && this.#takePiece());
    } catch {
      return false;
    }
    return this.#chunks.ended;
  }

  /** Closes the connection: `next` then fails, once what has arrived is taken. */
  abandon(): void {
    this.#connection.close();
  }

  data(piece: Buffer): void {
    this.#pace?.took(piece.length);
    this.#pieces.push(piece);
    this.#waiting += piece.length;
    if (this.#waiting >= MAX_WAITING && !this.#paused) {
      this.#paused = true;
      // Otherwise the pace would let it read on at its next turn.
      this.#pace?.leave(this.#connection);
      this.#connection.pause();
    }
    this.#wake();
  }

  end(): void {
    this.closed(undefined);
  }

  closed(fault: ConnectionFailed | undefined): void {
    this.#ended ??= fault ?? new ConnectionFailed("ECONNRESET");
    this.#wake();
  }

  #takePiece(): boolean {
    const piece = this.#pieces.shift();
    if (piece === undefined) return false;
    passedThrough(piece.length);
    this.#waiting -= piece.length;
    this.#content = this.#chunks.take(piece);
    return true;
  }

  #readOn(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#pace?.enter(this.#connection);
    if (!this.#connection.closed) this.#connection.resume();
  }
}
