/**
 * The open connections. Beyond the cap, the oldest stranger makes room, so that those who stall cannot shut out
 * the control host (T19). A connection that has shown the controller's serial is closed only if there is no
 * stranger, and only between two requests.
 */

export interface Closable {
  close(): void;
}

export class Connections<Connection extends Closable> {
  /** Not yet identified, in the order in which they came. */
  readonly #strangers = new Set<Connection>();
  readonly #controllers = new Set<Connection>();
  readonly #isIdle: (connection: Connection) => boolean;
  readonly #onPutOut: (stranger: Connection) => void;

  /**
   * @param isIdle whether it has had its answer, and waits for the next request
   * @param onPutOut called for a stranger before it is closed to make room
   */
  constructor(
    isIdle: (connection: Connection) => boolean,
    onPutOut: (stranger: Connection) => void = () => undefined,
  ) {
    this.#isIdle = isIdle;
    this.#onPutOut = onPutOut;
  }

  /** Returns false if there is no room for it. */
  admit(connection: Connection, cap: number): boolean {
    if (this.size >= cap && !this.#makeRoom()) return false;
    this.#strangers.add(connection);
    return true;
  }

  /** The connection has shown the controller's serial. */
  promote(connection: Connection): void {
    if (this.#strangers.delete(connection)) this.#controllers.add(connection);
  }

  remove(connection: Connection): void {
    this.#strangers.delete(connection);
    this.#controllers.delete(connection);
  }

  get size(): number {
    return this.#strangers.size + this.#controllers.size;
  }

  /** Closes all except those to keep. */
  closeAll(keep: (connection: Connection) => boolean = () => false): void {
    for (const connection of [...this.#strangers, ...this.#controllers]) {
      if (!keep(connection)) connection.close();
    }
  }

  #makeRoom(): boolean {
    const [stranger] = this.#strangers;
    const leaving = stranger ?? [...this.#controllers].find(this.#isIdle);
    if (leaving === undefined) return false;
    if (stranger !== undefined) this.#onPutOut(stranger);
    this.remove(leaving);
    leaving.close();
    return true;
  }
}
