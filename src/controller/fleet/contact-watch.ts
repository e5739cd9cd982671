/** Notices when the contact to a host is lost while its run is followed, and when it is restored. */
import { Deadline } from "../../system/deadline.ts";

export type Contact =
  /** `seconds`: for how long it is tried to restore the contact; undefined if there is no limit. */
  | { readonly kind: "lost"; readonly why: string; readonly seconds: number | undefined }
  | { readonly kind: "back" };

const LIMITS = {
  /** A living agent sends something every 10 s, even while the script is silent. */
  silence: 15_000,
  /** Most connections that break are restored after a moment, for example when the agent was restarted. */
  break: 1_000,
};

/** `using contact = new ContactWatch(...)` reports nothing more after the end of the block. */
export class ContactWatch {
  readonly #tell: (contact: Contact) => void;
  readonly #limits: typeof LIMITS;
  #clock: { readonly of: keyof typeof LIMITS; readonly deadline: Deadline } | undefined;
  #why = "";
  /** As in `performance.now()`: when the host is given up. */
  #until = 0;
  #isLost = false;

  /**
   * @param tell called alternately: lost, back, lost
   * @param limits milliseconds after which the contact counts as lost
   */
  constructor(tell: (contact: Contact) => void, limits = LIMITS) {
    this.#tell = tell;
    this.#limits = limits;
  }

  /** Its connection is open, and the next piece is waited for. */
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

  /** It did not answer, or its connection broke. May be called repeatedly while that is so. */
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
