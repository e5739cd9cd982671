/** One line on stderr while hosts have not answered, on a terminal, once that takes longer than a second. */
import type { Io } from "../command/io.ts";

const FIRST_MS = 1_000;
const REPEAT_MS = 500;

export class Progress {
  readonly #io: Io;
  readonly #total: number;
  readonly #started = performance.now();
  #done = 0;
  #shown = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param total number of hosts */
  constructor(io: Io, total: number) {
    this.#io = io;
    this.#total = total;
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

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clear();
  }

  #draw(): void {
    const elapsed = performance.now() - this.#started;
    if (this.#timer === undefined || elapsed < FIRST_MS || this.#done === this.#total) return;
    const waiting = this.#total - this.#done;
    const text = `${this.#done} of ${this.#total} done, ${waiting} outstanding, ${Math.floor(elapsed / 1000)}s`;
    this.#io.draw(text.slice(0, this.#io.columns - 1));
    this.#shown = true;
  }

  #clear(): void {
    if (this.#shown) this.#io.draw("");
    this.#shown = false;
  }
}
