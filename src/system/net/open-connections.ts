/** The connections of a port, up to a limit. When it is full, those that have most make room (T19). */
import { FairShares, type Holder, originOf } from "../../core/fair-share.ts";

export interface OpenConnection {
  destroy(): void;
}

interface Slot<Connection> extends Holder {
  readonly connection: Connection;
}

export class OpenConnections<Connection extends OpenConnection> {
  readonly #slots = new Map<Connection, Slot<Connection>>();
  readonly #shares = new FairShares<Slot<Connection>>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Returns false if there is no room. One network alone can shut out only itself.
   * @param mayGo called when room is needed: whether the connection has nothing under way
   */
  admit(connection: Connection, address: string, mayGo: () => boolean): boolean {
    const origin = originOf(address);
    if (this.#slots.size >= this.#limit) {
      const leaving = this.#shares.whoGivesWay(origin)?.connection;
      if (leaving === undefined) return false;
      this.remove(leaving);
      leaving.destroy();
    }
    const slot = { connection, origin, mayGo };
    this.#slots.set(connection, slot);
    this.#shares.add(slot);
    return true;
  }

  remove(connection: Connection): void {
    const slot = this.#slots.get(connection);
    if (slot === undefined) return;
    this.#slots.delete(connection);
    this.#shares.remove(slot);
  }

  closeAll(): void {
    for (const connection of [...this.#slots.keys()]) connection.destroy();
  }
}
