/** Starts the shim with the first job, and lets it end a minute after the last. */
import { Deadline } from "../../system/deadline.ts";
import { ShimLink, type ShimListener, type ShimProgram } from "./shim-link.ts";

/** The next job often follows soon; a shim without jobs takes some megabytes. */
const REST_MS = 60_000;

export class ShimKeeper {
  readonly #program: ShimProgram;
  readonly #listener: ShimListener;
  #link: Promise<ShimLink> | undefined;
  #rest: Deadline | undefined;

  constructor(program: ShimProgram, listener: ShimListener) {
    this.#program = program;
    this.#listener = listener;
  }

  /** @throws if it cannot be started: nothing has run */
  async open(): Promise<ShimLink> {
    this.#rest?.stop();
    const link = this.#link;
    const open = await link?.catch(() => undefined);
    if (open !== undefined && !open.ended) return open;
    // Of all those who waited for it, the first starts the next one.
    if (this.#link === link) this.#link = undefined;
    this.#link ??= ShimLink.start(this.#program, this.#listener);
    return await this.#link;
  }

  /** None of its jobs is running. */
  rest(): void {
    this.#rest?.stop();
    this.#rest = new Deadline(REST_MS, () => this.close());
  }

  close(): void {
    this.#rest?.stop();
    const link = this.#link;
    this.#link = undefined;
    link?.then(
      (open) => open.close(),
      () => undefined,
    );
  }
}
