/** The connections of a port, up to a number: full, it takes from the address that has most (T19). */
import { callerNetwork, greediest } from "../core/caller-network.ts";

export interface OpenConnection {
  destroy(): void;
}

interface Place {
  readonly network: string;
  /** Whether it may be put out for somebody else: nothing of it is under way. */
  mayGo(): boolean;
}

export class OpenConnections<Connection extends OpenConnection> {
  readonly #places = new Map<Connection, Place>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Returns false when there is no room. One address alone can keep out itself, but not the others.
   * @param mayGo asked when room is needed
   */
  admit(connection: Connection, address: string, mayGo: () => boolean): boolean {
    const network = callerNetwork(address);
    if (this.#places.size >= this.#limit && !this.#makeRoomFor(network)) return false;
    this.#places.set(connection, { network, mayGo });
    return true;
  }

  remove(connection: Connection): void {
    this.#places.delete(connection);
  }

  closeAll(): void {
    for (const connection of [...this.#places.keys()]) connection.destroy();
  }

  #makeRoomFor(newcomer: string): boolean {
    const holders = [...this.#places].map(([connection, { network }]): [string, Connection] => [
      network,
      connection,
    ]);
    const oldest = greediest(holders, newcomer)?.find((held) => this.#places.get(held)?.mayGo());
    if (oldest === undefined) return false;
    this.#places.delete(oldest);
    oldest.destroy();
    return true;
  }
}
