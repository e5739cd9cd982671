/** Notices when a host is not heard any more while its run is followed, and when it is heard again. */
import { Deadline } from "../../system/deadline.ts";

export type Contact =
  /** `seconds`: how long it is tried to hear it again; undefined if nothing bounds that. */
  | { readonly kind: "lost"; readonly why: string; readonly seconds: number | undefined }
  | { readonly kind: "back" };

const LIMITS = {
  /** An agent that lives says something every 10 s, also while the script is silent. */
  silence: 15_000,
  /** Most connections that break are there again after a moment, as when the agent was restarted. */
  break: 1_000,
};

/** `using contact = new ContactWatch(...)` says nothing more after the end of the block. */
export class ContactWatch {
  readonly #tell: (contact: Contact) => void;
  readonly #limits: typeof LIMITS;
  #clock: { readonly of: keyof typeof LIMITS; readonly deadline: Deadline } | undefined;
  #why = "";
  /** Of `performance.now()`: when the host is given up. */
  #until = 0;
  #isLost = false;

  /** @param tell called in turns: lost, back, lost @param limits milliseconds, after which it is lost */
  constructor(tell: (contact: Contact) => void, limits = LIMITS) {
    this.#tell = tell;
    this.#limits = limits;
  }

  /** Its connection stands, and the next piece is waited for. */
  waiting(until: number): void {
    this.#until = until;
    this.#why = `nothing has come for ${this.#limits.silence / 1000}s`;
    this.#start("silence");
  }

  heard(): void {
    this.#stop();
    if (!this.#isLost) return;
    this.#isLost = false;
    this.#tell({ kind: "back" });
  }

  /** It did not answer, or its connection broke. May be said again as long as that is so. */
  broken(why: string, until: number): void {
    this.#until = until;
    this.#why = why;
    if (this.#clock?.of !== "break") this.#start("break");
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #start(of: keyof typeof LIMITS): void {
    if (this.#isLost) return;
    this.#stop();
    this.#clock = { of, deadline: new Deadline(this.#limits[of], () => this.#lost()) };
  }

  #stop(): void {
    this.#clock?.deadline.stop();
    this.#clock = undefined;
  }

  #lost(): void {
    this.#isLost = true;
    const left = Math.ceil((this.#until - performance.now()) / 1000);
    const seconds = Number.isFinite(left) ? Math.max(1, left) : undefined;
    this.#tell({ kind: "lost", why: this.#why, seconds });
  }
}
