/** One line on stderr while hosts have not answered, on a terminal, once nothing was shown for a second. */
import { screenLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";

const FIRST_MS = 1_000;
const REPEAT_MS = 500;

export interface MoreProgress {
  /** How many hosts of those that are done. */
  readonly failed: number;
  /** Hosts that are not done. */
  readonly waitingFor: readonly string[];
}

export class Progress {
  readonly #io: Io;
  readonly #total: number;
  readonly #more: (() => MoreProgress) | undefined;
  readonly #started = performance.now();
  #quietSince = this.#started;
  #done = 0;
  #shown = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param total number of hosts
   * @param more what else there is to say
   */
  constructor(io: Io, total: number, more?: () => MoreProgress) {
    this.#io = io;
    this.#total = total;
    this.#more = more;
    if (!io.errIsTerminal) return;
    this.#timer = setInterval(() => this.#draw(), REPEAT_MS);
  }

  /** One host is done; `print` writes its result while the line is erased. */
  step(print: () => void): void {
    this.#done += 1;
    this.#clear();
    print();
    this.#draw();
  }

  /** `print` writes what a host has printed: as long as that goes on, it shows how far the run is. */
  during(print: () => void): void {
    this.#clear();
    this.#quietSince = performance.now();
    print();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clear();
  }

  #draw(): void {
    const now = performance.now();
    const isEarly = now - this.#quietSince < FIRST_MS;
    if (this.#timer === undefined || isEarly || this.#done === this.#total) return;
    const seconds = Math.floor((now - this.#started) / 1000);
    this.#io.draw(this.#text(seconds).slice(0, this.#io.columns - 1));
    this.#shown = true;
  }

  #text(seconds: number): string {
    const done = `${this.#done} of ${this.#total} done`;
    if (this.#more === undefined)
      return `${done}, ${this.#total - this.#done} outstanding, ${seconds}s`;
    const { failed, waitingFor } = this.#more();
    const failures = failed === 0 ? "" : ` (${failed} failed)`;
    return screenLine`${done}${failures}, ${seconds}s; waiting for: ${waitingFor.join(" ")}`;
  }

  #clear(): void {
    if (this.#shown) this.#io.draw("");
    this.#shown = false;
  }
}
