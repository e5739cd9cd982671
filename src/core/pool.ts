/** Holds items that it can spare: asked for a number, it gives back at once as many as it can. */
export type Lender = (missing: number) => void;

/** A number of identical items to take and give back: at once or not at all, or after a wait. */
export class Pool {
  #size: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #lenders = new Set<Lender>();

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  /** Items that have been taken stay taken. */
  resize(size: number): void {
    this.#size = size;
    this.#wake();
  }

  get free(): number {
    return Math.max(0, this.#size - this.#taken);
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether somebody is waiting for one. */
  get isShort(): boolean {
    return this.#waiting.length > 0;
  }

  addLender(lender: Lender): void {
    this.#lenders.add(lender);
  }

  removeLender(lender: Lender): void {
    this.#lenders.delete(lender);
  }

  /** Whether this many are free, after asking the lenders for what is missing. */
  hasFree(count: number): boolean {
    for (const lender of this.#lenders) {
      if (count > this.free) lender(count - this.free);
    }
    return count <= this.free;
  }

  /** Takes this many, or none. Returns whether it took them. */
  take(count: number): boolean {
    if (!this.hasFree(count)) return false;
    this.#taken += count;
    return true;
  }

  giveBack(count: number): void {
    this.#taken -= count;
    this.#wake();
  }

  /**
   * Takes one as soon as there is one; those who wait get theirs in order.
   * @param gaveUp settles when it is no longer wanted
   * @returns whether it was taken
   */
  async takeOne(gaveUp: Promise<unknown>): Promise<boolean> {
    if (this.#waiting.length === 0 && this.take(1)) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const turn = () => resolve(true);
    this.#waiting.push(turn);
    const leave = () => {
      const index = this.#waiting.indexOf(turn);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      resolve(false);
    };
    gaveUp.then(leave, leave);
    return await promise;
  }

  #wake(): void {
    while (this.#waiting.length > 0 && this.take(1)) this.#waiting.shift()?.();
  }
}
