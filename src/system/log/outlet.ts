/** Output for a reader that may be slow, or never read at all (T66). */

/**
 * Writes as much of the item as the reader takes at once, and returns the rest: the item itself when the reader
 * takes nothing, undefined when it took everything.
 *
 * @throws when it cannot be written
 */
export type Take<Item> = (item: Item) => Item | undefined;

/** A slow reader is tried again: at first immediately, this many times, since most are about to read on, */
const RETRIES_AT_ONCE = 50;
/** and then at growing intervals, up to this. */
const MAX_RETRY_MS = 64;

/** When more than this is waiting, output that may be lost is dropped, and output without end waits. */
const MUCH = 256 * 1024;

export class Outlet<Item extends { readonly length: number }> {
  readonly #open: () => Take<Item>;
  #take: Take<Item> | undefined;
  #waiting: Item[] = [];
  #length = 0;
  /** Since the reader last took anything. */
  #retries = 0;
  #cancelRetry: (() => void) | undefined;
  #failure: unknown;
  #idle = Promise.withResolvers<void>();
  /** If somebody waits for room. */
  #room: PromiseWithResolvers<void> | undefined;

  /** @param open called at the first write */
  constructor(open: () => Take<Item>) {
    this.#open = open;
    this.#idle.resolve();
  }

  /** Why the last write failed; whatever was waiting then is lost. The next write is still tried. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Writes what the reader takes at once, and the rest as it reads on. Never waits, never throws. */
  write(item: Item): void {
    if (item.length === 0) return;
    this.#failure = undefined;
    if (this.#waiting.length === 0) this.#idle = Promise.withResolvers();
    this.#waiting.push(item);
    this.#length += item.length;
    if (this.#cancelRetry === undefined) this.#advance();
  }

  /** The same for output that may be lost: returns false if it failed, or too much is already waiting. */
  offer(item: Item): boolean {
    if (this.#length > MUCH) return false;
    this.write(item);
    return this.#failure === undefined;
  }

  /** Resolves when nothing is waiting: everything is written, or cannot be. */
  flush(): Promise<void> {
    return this.#idle.promise;
  }

  /** Resolves when little is waiting. A writer whose output never ends waits for this before it goes on. */
  async room(): Promise<void> {
    if (this.#length <= MUCH) return;
    this.#room ??= Promise.withResolvers();
    await this.#room.promise;
  }

  /** Hands back what is waiting. */
  giveUp(): Item[] {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    return this.#empty();
  }

  #empty(): Item[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#length = 0;
    this.#idle.resolve();
    this.#tellRoom();
    return waiting;
  }

  #tellRoom(): void {
    if (this.#length > MUCH) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #advance(): void {
    try {
      this.#take ??= this.#open();
      for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
        const rest = this.#take(first);
        const taken = first.length - (rest?.length ?? 0);
        this.#length -= taken;
        if (taken > 0) this.#retries = 0;
        if (rest !== undefined) {
          this.#waiting[0] = rest;
          this.#tellRoom();
          this.#retryLater();
          return;
        }
        this.#waiting.shift();
      }
    } catch (thrown) {
      this.#failure = thrown;
    }
    this.#empty();
  }

  #retryLater(): void {
    const retry = () => {
      this.#cancelRetry = undefined;
      this.#advance();
    };
    const late = this.#retries - RETRIES_AT_ONCE;
    this.#retries += 1;
    if (late < 0) {
      const immediate = setImmediate(retry);
      this.#cancelRetry = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(retry, Math.min(MAX_RETRY_MS, 2 ** late));
      this.#cancelRetry = () => clearTimeout(timer);
    }
  }
}
