/** The connections of a port, up to a number: full, it takes from those who have most (T19). */
import { type Holder, originOf, whoGivesWay } from "../core/fair-share.ts";

export interface OpenConnection {
  destroy(): void;
}

interface Slot<Connection> extends Holder {
  readonly connection: Connection;
}

export class OpenConnections<Connection extends OpenConnection> {
  /** In the order they came. */
  readonly #slots = new Map<Connection, Slot<Connection>>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Returns false when there is no room. One network alone can keep out itself, but not the others.
   * @param mayGo asked when room is needed: whether nothing of it is under way
   */
  admit(connection: Connection, address: string, mayGo: () => boolean): boolean {
    const origin = originOf(address);
    if (this.#slots.size >= this.#limit) {
      const leaving = whoGivesWay(this.#slots.values(), origin)?.connection;
      if (leaving === undefined) return false;
      this.#slots.delete(leaving);
      leaving.destroy();
    }
    this.#slots.set(connection, { connection, origin, mayGo });
    return true;
  }

  remove(connection: Connection): void {
    this.#slots.delete(connection);
  }

  closeAll(): void {
    for (const connection of [...this.#slots.keys()]) connection.destroy();
  }
}
