/**
 * A time limit on what somebody else does. After this process was stopped (SIGSTOP, a suspended virtual machine) or
 * busy, its timers run before it has read what has come meanwhile: an answer that came in time would be called late.
 */

/** A timer that is later than this was held up, and so was everything else here. */
const HELD_UP_MS = 100;

/** How long what has come is then read before the limit counts; again when this is held up as well. */
const CATCH_UP_MS = 500;

/** However busy: a limit that never came would be none (T19, T23). */
const MAX_CATCH_UPS = 4;

export class Deadline {
  readonly #ms: number;
  readonly #act: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn: ReturnType<typeof setImmediate> | undefined;
  #due = 0;
  #catchUps = 0;

  /** @param act called once, after `ms` unless it is stopped before */
  constructor(ms: number, act: () => void) {
    this.#ms = ms;
    this.#act = act;
    this.restart();
  }

  /** From now on it has all of its time again. */
  restart(): void {
    this.stop();
    this.#catchUps = 0;
    this.#start(this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
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
    // The kernel is asked what has come between two turns of the event loop; the first may begin before that.
    this.#turn = setImmediate(() => {
      this.#turn = setImmediate(this.#act);
    });
  }
}
