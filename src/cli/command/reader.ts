/** The reader of our output while it has no end: a slow one holds us back, and one that has gone ends us. */
import { type Io, OutputClosed, OutputLost } from "./io.ts";

export class Reader {
  readonly #io: Io;
  readonly #gone = Promise.withResolvers<void>();
  #hasGone = false;

  constructor(io: Io) {
    this.#io = io;
  }

  /** Resolves when nobody reads any more (`ctrl-exec run ... | head`). */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  get hasGone(): boolean {
    return this.#hasGone;
  }

  /**
   * The same function, but its promise waits until there is room for what it wrote. On a full disk it goes on,
   * because the work does too: main() says at the end what was lost.
   */
  heldBack<Args extends readonly unknown[]>(
    write: ((...args: Args) => void) | undefined,
  ): ((...args: Args) => Promise<void>) | undefined {
    if (write === undefined) return undefined;
    return async (...args) => {
      write(...args);
      await this.#io.room().catch((thrown) => this.#lost(thrown));
    };
  }

  #lost(thrown: unknown): void {
    if (thrown instanceof OutputLost) return;
    if (!(thrown instanceof OutputClosed)) throw thrown;
    this.#hasGone = true;
    this.#gone.resolve();
  }
}
