/** Holds some that it can do without: asked for so many, it gives back what it can of them, at once. */
export type Lender = (missing: number) => void;

/** A number of like things that are taken and given back: at once or not at all, or after a wait. */
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

  /** What has been taken stays taken. */
  resize(size: number): void {
    this.#size = size;
    this.#wake();
  }

  get free(): number {
    return Math.max(0, this.#size - this.#taken);
  }

  /** Whether somebody waits for one. */
  get isShort(): boolean {
    return this.#waiting.length > 0;
  }

  addLender(lender: Lender): void {
    this.#lenders.add(lender);
  }

  removeLender(lender: Lender): void {
    this.#lenders.delete(lender);
  }

  /** Whether so many are free, after the lenders were asked for what is missing. */
  hasFree(count: number): boolean {
    for (const lender of this.#lenders) {
      if (count > this.free) lender(count - this.free);
    }
    return count <= this.free;
  }

  /** Takes so many, or none: returns whether it has. */
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
   * Takes one as soon as there is one, in the order of those who wait.
   * @param gaveUp settles when it is wanted no more
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
