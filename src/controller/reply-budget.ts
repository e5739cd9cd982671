/**
 * What the replies of many agents may take together, so that no part of a fleet can fill the memory of
 * the control host (T29). A command has a budget of its own; in the API all requests share one.
 */

/** Of each reply, this much is not counted: a host that says little loses nothing to one that floods. */
const FREE_BYTES = 16_384;

export class ReplyBudget {
  #max: number;
  #held = 0;

  /** @param max bytes */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts from the next byte on. */
  set max(bytes: number) {
    this.#max = bytes;
  }

  open(): ReplyAccount {
    return new ReplyAccount((bytes) => {
      if (bytes > 0 && this.#held + bytes > this.#max) return false;
      this.#held += bytes;
      return true;
    });
  }
}

/** The replies that are let go together. */
export class ReplyAccount {
  readonly #take: (bytes: number) => boolean;
  #held = 0;
  #closed = false;

  /** @param take false when there is not so much left; a negative number gives back */
  constructor(take: (bytes: number) => boolean) {
    this.#take = take;
  }

  openReply(): ReplyShare {
    let came = 0;
    let held = 0;
    return {
      take: (bytes) => {
        const more = Math.max(0, came + bytes - FREE_BYTES) - held;
        if (this.#closed || !this.#take(more)) return false;
        came += bytes;
        this.#held += more;
        held += more;
        return true;
      },
      giveBack: () => {
        this.#giveBack(held);
        held = 0;
      },
    };
  }

  /** Gives back what all its replies have taken; one that is still under way is dropped. */
  close(): void {
    this.#giveBack(this.#held);
    this.#closed = true;
  }

  #giveBack(bytes: number): void {
    if (this.#closed) return;
    this.#take(-bytes);
    this.#held -= bytes;
  }
}

/** One reply under way. */
export interface ReplyShare {
  /** Bytes have come. Returns false when the budget is spent. */
  take(bytes: number): boolean;
  /** The reply was dropped. */
  giveBack(): void;
}
