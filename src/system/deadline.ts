/**
 * A time limit on what somebody else does. After this process was stopped (SIGSTOP, a suspended virtual
 * machine) or busy, its timers run before it has read what arrived in the meantime: an answer that came in time
 * would count as late.
 */

/** A timer that is later than this was held up, and so was everything else in this process. */
const HELD_UP_MS = 100;

/** How long to read what has arrived before the limit counts; once more if this is held up too. */
const CATCH_UP_MS = 500;

/** A limit that never took effect would not be a limit, however busy the process is (T19, T23). */
const MAX_CATCH_UPS = 4;

/** `using late = new Deadline(...)` stops it at the end of the block. */
export class Deadline {
  readonly #ms: number;
  readonly #act: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn: ReturnType<typeof setImmediate> | undefined;
  #due = 0;
  #catchUps = 0;

  /** @param act called once after `ms`, unless it is stopped before */
  constructor(ms: number, act: () => void) {
    this.#ms = ms;
    this.#act = act;
    this.restart();
  }

  /** Starts the time again from zero. */
  restart(): void {
    this.stop();
    this.#catchUps = 0;
    this.#start(this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #start(ms: number): void {
    this.#due = performance.now() + ms;
    this.#timer = setTimeout(() => this.#passed(), ms);
  }

  #passed(): void {
    if (performance.now() - this.#due > HELD_UP_MS && this.#catchUps < MAX_CATCH_UPS) {
      this.#catchUps += 1;
      this.#start(CATCH_UP_MS);
      return;
    }
    // The event loop asks the kernel for input between two turns; the first turn may begin before that.
    this.#turn = setImmediate(() => {
      this.#turn = setImmediate(this.#act);
    });
  }
}

/**
 * Waits for the work for at most `ms`. Work that takes longer goes on, and its outcome is ignored.
 *
 * @param late gives the result, or throws, once the time is over
 */
export async function within<Result, Late>(
  ms: number,
  work: Promise<Result>,
  late: () => Late,
): Promise<Result | Late> {
  const { promise: tooLate, resolve } = Promise.withResolvers<void>();
  using _deadline = new Deadline(ms, resolve);
  return await Promise.race([work, tooLate.then(late)]);
}

/** How long to wait after another failed attempt: twice as long as before, up to a limit. In milliseconds. */
export function longerPause(ms: number, longestMs: number): number {
  return Math.min(2 * ms, longestMs);
}

/** Resolves after `ms`, or as soon as the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  signal?.addEventListener("abort", end);
  await within(ms, over, () => undefined);
  signal?.removeEventListener("abort", end);
}
