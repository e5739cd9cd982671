/**
 * The connections that are open. Over the cap the oldest stranger makes room, so that those who
 * stall cannot keep the control host out (T19); who has shown the controller's serial is never put
 * out.
 */

export interface Closable {
  close(): void;
}

export class Connections<Connection extends Closable> {
  /** Nobody knows yet who they are; in the order they came. */
  readonly #strangers = new Set<Connection>();
  readonly #controllers = new Set<Connection>();

  /** Returns false when there is no room for it. */
  admit(connection: Connection, cap: number): boolean {
    if (this.size >= cap && !this.#dropOldestStranger()) return false;
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

  /** Closes all but those that are to be kept. */
  closeAll(keep: (connection: Connection) => boolean = () => false): void {
    for (const connection of [...this.#strangers, ...this.#controllers]) {
      if (!keep(connection)) connection.close();
    }
  }

  #dropOldestStranger(): boolean {
    const [oldest] = this.#strangers;
    if (oldest === undefined) return false;
    this.#strangers.delete(oldest);
    oldest.close();
    return true;
  }
}
