/**
 * What the replies of many agents may hold together, so that no part of a fleet can fill the memory of
 * the control host (T29). A command has a budget of its own; in the API all requests share one.
 */

/** Of each reply, this much is not counted: a host that says little loses nothing to one that floods. */
const FREE_BYTES = 16_384;

/** A reply may hold so many times what it leaves: however many flood, others have room (T69). */
const GREED = 3;

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
    return new ReplyAccount((more, ofReply) => {
      const left = this.#max - this.#held - more;
      if (more > 0 && (left < 0 || ofReply > GREED * left)) return false;
      this.#held += more;
      return true;
    });
  }
}

/** The replies that are let go together. */
export class ReplyAccount {
  readonly #take: (more: number, ofReply: number) => boolean;
  #held = 0;
  #closed = false;

  /**
   * @param take bytes more, for a reply that holds so many then; false when that is too much. A negative
   *   number gives back.
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

  /** Gives back what all its replies hold; one that is still under way is dropped. */
  close(): void {
    if (this.#closed) return;
    this.#take(-this.#held, 0);
    this.#closed = true;
  }
}

/** One reply under way. */
export interface ReplyShare {
  /** So many bytes are held of it now. Returns false when that is more than there is for it. */
  hold(bytes: number): boolean;
  /** The reply was dropped. */
  giveBack(): void;
}
