/** What was written to a connection and is not taken by the system yet. */
import type { Socket } from "bun";

export class Unsent {
  #pieces: Uint8Array[] = [];
  #taken: PromiseWithResolvers<void> | undefined;

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** @returns whether it is the only piece: then nobody has begun to send */
  add(piece: Uint8Array): boolean {
    return this.#pieces.push(piece) === 1;
  }

  /** Sends what the system takes. @returns false if the socket is gone */
  sendTo(socket: Pick<Socket, "write">): boolean {
    for (;;) {
      const [next] = this.#pieces;
      if (next === undefined) break;
      const taken = socket.write(next);
      if (taken < next.length) {
        if (taken > 0) this.#pieces[0] = next.subarray(taken);
        return taken >= 0;
      }
      this.#pieces.shift();
    }
    this.#taken?.resolve();
    this.#taken = undefined;
    return true;
  }

  /** For one that is not empty: resolves when everything is taken, or dropped. */
  taken(): Promise<void> {
    this.#taken ??= Promise.withResolvers();
    return this.#taken.promise;
  }

  drop(): void {
    this.#pieces = [];
    this.#taken?.resolve();
  }
}
