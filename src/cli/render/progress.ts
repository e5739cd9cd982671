/** One line on stderr while hosts have not answered, on a terminal, once nothing was shown for a second. */
import type { Io } from "../command/io.ts";

const FIRST_MS = 1_000;
const REPEAT_MS = 500;

export class Progress {
  readonly #io: Io;
  readonly #total: number;
  readonly #more: () => string;
  readonly #started = performance.now();
  #quietSince = this.#started;
  #done = 0;
  #shown = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param total number of hosts
   * @param more what else there is to say
   */
  constructor(io: Io, total: number, more = () => "") {
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
    const waiting = this.#total - this.#done;
    const text = `${this.#done} of ${this.#total} done, ${waiting} outstanding, ${seconds}s${this.#more()}`;
    this.#io.draw(text.slice(0, this.#io.columns - 1));
    this.#shown = true;
  }

  #clear(): void {
    if (this.#shown) this.#io.draw("");
    this.#shown = false;
  }
}
