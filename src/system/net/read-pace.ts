/** Limits how much is read from all connections together before others get a turn (T69). */
import type { Connection } from "./connection.ts";

/** Reading this much takes some 10 ms: TLS, decoding, garbage. */
const BYTES_PER_TURN = 2 ** 20;

/** Otherwise one turn would read from each of many peers that send as fast as they can. */
export class ReadPace {
  readonly #reading = new Set<Connection>();
  #taken = 0;
  #paused = false;
  #turn: ReturnType<typeof setImmediate> | undefined;

  enter(connection: Connection): void {
    this.#reading.add(connection);
  }

  leave(connection: Connection): void {
    this.#reading.delete(connection);
    if (this.#paused && !connection.closed) connection.resume();
  }

  took(bytes: number): void {
    this.#taken += bytes;
    this.#turn ??= setImmediate(() => this.#begin());
    if (this.#paused || this.#taken < BYTES_PER_TURN) return;
    this.#paused = true;
    for (const connection of this.#reading) connection.pause();
  }

  #begin(): void {
    this.#turn = undefined;
    this.#taken = 0;
    if (!this.#paused) return;
    this.#paused = false;
    for (const connection of this.#reading) if (!connection.closed) connection.resume();
  }
}
