/** One line on stderr while hosts have not answered, on a terminal, once nothing was shown for a second. */
import type { BatchNews } from "../../controller/runs/rollout-news.ts";
import type { RunOutcome } from "../../core/run-outcome.ts";
import type { Io } from "../command/io.ts";
import { type Batch, MAX_NAMED, progressLine } from "./progress-line.ts";

const FIRST_MS = 1_000;
const REPEAT_MS = 500;

/** So that the line stays one, and can be erased, when a terminal adds ^C to it. */
const ECHO = 3;

/** A host that is done. */
interface Ended {
  readonly host: string;
  readonly outcome: RunOutcome;
}

export class Progress {
  readonly #io: Io;
  readonly #total: number;
  #waiting: Set<string>;
  readonly #started = performance.now();
  #quietSince = this.#started;
  #done = 0;
  readonly #outcomes = new Map<RunOutcome, number>();
  #shown = false;
  #isAside = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** The one under way, if the hosts are asked in batches. */
  #batch: Batch | undefined;

  /**
   * @param total number of hosts
   * @param hosts in the order in which they are asked: the first ones that are not done are the slowest. Without
   * them, none is named.
   */
  constructor(io: Io, total: number, hosts: readonly string[] = []) {
    this.#io = io;
    this.#total = total;
    this.#waiting = new Set(hosts);
    if (!io.errIsTerminal) return;
    this.#timer = setInterval(() => this.#draw(), REPEAT_MS);
  }

  /** The hosts are asked in batches, and this one begins: the others are not waited for yet. */
  begin({ batch: number, of, hosts }: Omit<BatchNews, "reqid">): void {
    const before = this.#batch?.toCome ?? this.#total - this.#done;
    this.#batch = { number, of, toCome: Math.max(0, before - hosts.length) };
    this.#waiting = new Set(hosts);
  }

  /** The same, as somebody sees it who only looks at the run. @param out the hosts that are waited for */
  at(batch: Batch | undefined, out: readonly string[]): void {
    this.#batch = batch;
    this.#waiting = new Set(out);
  }

  /** What its batch is at. */
  doing(what: Batch["doing"]): void {
    if (this.#batch === undefined) return;
    const { doing: _, ...batch } = this.#batch;
    this.#batch = what === undefined ? batch : { ...batch, doing: what };
  }

  /** One host is done; `print` writes its result while the line is erased. */
  step(print: () => void, ended?: Ended): void {
    this.#done += 1;
    if (ended !== undefined) {
      const { host, outcome } = ended;
      this.#waiting.delete(host);
      this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    }
    this.#clear();
    print();
    this.#draw();
  }

  /** `print` writes what a host has printed; while that goes on, the line shows how far the run is. */
  during(print: () => void): void {
    this.#clear();
    this.#quietSince = performance.now();
    print();
  }

  /** Nothing is drawn until the work is done. */
  async aside<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#clear();
    this.#isAside = true;
    try {
      return await work();
    } finally {
      this.#isAside = false;
    }
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clear();
  }

  #draw(): void {
    const now = performance.now();
    const isEarly = now - this.#quietSince < FIRST_MS;
    if (this.#timer === undefined || isEarly || this.#isAside) return;
    if (this.#done === this.#total) return;
    const seconds = Math.floor((now - this.#started) / 1000);
    const counts = { total: this.#total, done: this.#done, outcomes: this.#outcomes, seconds };
    const waitingFor = [...this.#waiting.values().take(MAX_NAMED)];
    const run = { ...counts, batch: this.#batch, waitingFor };
    this.#io.draw(progressLine(run, this.#io.columns - ECHO));
    this.#shown = true;
  }

  #clear(): void {
    if (this.#shown) this.#io.draw("");
    this.#shown = false;
  }
}
