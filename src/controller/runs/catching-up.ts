/**
 * Notices when somebody who reads what a script has printed has caught up with what it is printing now: nothing comes
 * for a moment, or so little that it cannot have been there before.
 */
import { Deadline } from "../../system/deadline.ts";

const SILENCE_MS = 500;

/** Any connection delivers more than this of what is already there. */
const BYTES_A_SECOND = 65_536;

export class CatchingUp {
  readonly #caughtUp: () => void;
  readonly #silence: Deadline;
  /** Undefined until something has come: the answer itself may take time. */
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

  /** Something has come, and is being processed. */
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

  /** The next bytes are waited for. */
  waiting(): void {
    this.#waitingSince = performance.now();
    this.#silence.restart();
  }

  stop(): void {
    this.#silence.stop();
  }
}
