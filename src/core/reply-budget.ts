/**
 * Limits how much memory the replies of many agents take together, so that no part of a fleet can fill the
 * memory of the control host (T29). A command has its own budget; in the API all requests share one.
 */

/** Bytes of each reply that are not counted: a host that says little loses nothing to one that floods. */
const FREE_BYTES = 16_384;

/** A reply may hold this many times what it leaves free: however many flood, there is room for others (T69). */
const GREED = 3;

export class ReplyBudget {
  #max: number;
  #held = 0;

  /** @param max bytes */
  constructor(max: number) {
    this.#max = max;
  }

  /** Takes effect from the next byte on. */
  set max(bytes: number) {
    this.#max = bytes;
  }

  /** Bytes that count now. */
  get held(): number {
    return this.#held;
  }

  open(): ReplyAccount {
    return new ReplyAccount((more, ofReply) => {
      const left = this.#max - this.#held - more;
      if (more > 0 && (left < 0 || ofReply > GREED * left)) return false;
      this.#held += more;
      return true;
    });
  }
}

/** A group of replies that are released together: `using account = ...` does it at the end of the block. */
export class ReplyAccount implements Disposable {
  readonly #take: (more: number, ofReply: number) => boolean;
  #held = 0;
  #closed = false;

  /**
   * @param take takes more bytes, for a reply that then holds `ofReply`; false if that is too much. A negative
   * number gives back.
   */
  constructor(take: (more: number, ofReply: number) => boolean) {
    this.#take = take;
  }

  openReply(): ReplyShare {
    let held = 0;
    const hold = (bytes: number) => {
      const counted = Math.max(0, bytes - FREE_BYTES);
      if (this.#closed || !this.#take(counted - held, counted)) return false;
      this.#held += counted - held;
      held = counted;
      return true;
    };
    return { hold, giveBack: () => void hold(0) };
  }

  /** Gives back everything that its replies hold; a reply still under way is dropped. */
  close(): void {
    if (this.#closed) return;
    this.#take(-this.#held, 0);
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** One reply under way. */
export interface ReplyShare {
  /** Says that this many bytes of it are held now. Returns false if that is more than it may hold. */
  hold(bytes: number): boolean;
  /** The reply was dropped. */
  giveBack(): void;
}
