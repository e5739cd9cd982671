/** Whether a rollout may go on: why it stops, if it does, and what others have asked for in the meantime. */
import type { OwnedRollout, RolloutWish, RolloutWishes } from "../store/ports/rollouts.ts";

/** Another process has its record. */
const OF_ANOTHER = "another process has gone on with it";

export class RolloutHalt {
  readonly #owned: Pick<OwnedRollout, "wishes">;
  readonly #onCancel: (by: string) => void;
  readonly #stopped = new AbortController();
  #why: string | undefined;
  #isLeft = false;
  #wishes: RolloutWishes = { pause: undefined, cancel: undefined, continued: undefined };
  #changed = Promise.withResolvers<void>();

  /** @param onCancel called whenever it is noticed that somebody wants the rollout cancelled */
  constructor(owned: Pick<OwnedRollout, "wishes">, onCancel: (by: string) => void) {
    this.#owned = owned;
    this.#onCancel = onCancel;
  }

  /** Why it stops; undefined as long as it may go on. */
  get why(): string | undefined {
    return this.#why;
  }

  /** Nothing of the rollout belongs to this process any more. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  /** Aborted when no further batch begins. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  /** The first reason is reported. */
  stop(why: string): void {
    this.#why ??= why;
    this.#stopped.abort();
    this.#wake();
  }

  /** @param why a process that ends leaves it before another has it */
  leave(why = OF_ANOTHER): void {
    this.#isLeft = true;
    this.stop(why);
  }

  /** Looks for what others have asked for. */
  async look(): Promise<void> {
    this.hear(await this.#owned.wishes());
  }

  hear(wishes: RolloutWishes): void {
    this.#wishes = wishes;
    if (wishes.cancel !== undefined) {
      this.stop(cancelledBy(wishes.cancel));
      this.#onCancel(wishes.cancel.by);
    }
    this.#wake();
  }

  /**
   * Resolves when nobody wants it paused, or it stops.
   *
   * @param onPause called once, if it is to be paused
   * @returns who has continued it, an empty name if that is not known; undefined if it was not paused, or stops
   */
  async whilePaused(onPause: (wish: RolloutWish) => void): Promise<string | undefined> {
    let isTold = false;
    for (;;) {
      const { pause: wish } = this.#wishes;
      if (wish === undefined || this.#why !== undefined) break;
      if (!isTold) onPause(wish);
      isTold = true;
      await this.#changed.promise;
    }
    return isTold && this.#why === undefined ? (this.#wishes.continued?.by ?? "") : undefined;
  }

  /** A person's answer, or undefined if it stops before that. */
  async orStopped<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
    const { promise: stopped, resolve } = Promise.withResolvers<undefined>();
    this.signal.addEventListener("abort", () => resolve(undefined), { once: true });
    if (this.signal.aborted) resolve(undefined);
    return await Promise.race([answer, stopped]);
  }

  /**
   * A pause may last for weeks, and its end is checked for several times a second: nothing may accumulate in that
   * time.
   */
  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function cancelledBy({ by }: RolloutWish): string {
  return by === "" ? "it was cancelled" : `it was cancelled by ${by}`;
}
