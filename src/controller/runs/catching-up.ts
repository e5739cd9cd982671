/**
 * Notices when somebody who reads what a script has printed has come to what it prints now: nothing comes for a moment,
 * or so little that it is not what was there before.
 */
import { Deadline } from "../../system/deadline.ts";

const SILENCE_MS = 500;

/** Any connection brings more of what is there already. */
const BYTES_A_SECOND = 65_536;

export class CatchingUp {
  readonly #caughtUp: () => void;
  readonly #silence: Deadline;
  /** Undefined until something has come: the answer itself may take its time. */
  #waitingSince: number | undefined;
  /** Since the last count. */
  #waitedMs = 0;
  #bytes = 0;

  /** @param caughtUp may be called more than once */
  constructor(caughtUp: () => void) {
    this.#caughtUp = caughtUp;
    this.#silence = new Deadline(SILENCE_MS, caughtUp);
    this.#silence.stop();
  }

  /** Something has come, and is being worked on. */
  heard(bytes: number): void {
    this.#silence.stop();
    const now = performance.now();
    this.#waitedMs += now - (this.#waitingSince ?? now);
    this.#bytes += bytes;
    if (this.#waitedMs < 1000) return;
    if (this.#bytes < (BYTES_A_SECOND * this.#waitedMs) / 1000) this.#caughtUp();
    this.#waitedMs = 0;
    this.#bytes = 0;
  }

  /** The next is waited for. */
  waiting(): void {
    this.#waitingSince = performance.now();
    this.#silence.restart();
  }

  stop(): void {
    this.#silence.stop();
  }
}
