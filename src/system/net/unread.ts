/** What arrives on a connection goes to its reader; what came before there was one waits for it. */
import type { ConnectionFailed } from "./connection-failed.ts";
import type { ConnectionReader } from "./connection-reader.ts";

export class Unread {
  #reader: ConnectionReader | undefined;
  #pieces: Buffer[] = [];
  #ended = false;

  take(piece: Buffer): void {
    if (this.#reader === undefined) this.#pieces.push(piece);
    else this.#reader.data(piece);
  }

  /** The peer will send no more. */
  end(): void {
    this.#ended = true;
    this.#reader?.end();
  }

  /** Tells the reader, if there is one: whoever reads later must be told then. */
  closed(fault: ConnectionFailed | undefined): void {
    this.#reader?.closed(fault);
  }

  goTo(reader: ConnectionReader): void {
    this.#reader = reader;
    for (const piece of this.#pieces.splice(0)) reader.data(piece);
    if (this.#ended) reader.end();
  }

  /** What arrives waits for another reader. */
  wait(): void {
    this.#reader = undefined;
  }
}
