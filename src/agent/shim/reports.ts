/**
 * What the shim reports to its agent. The agent may be slow, stopped or gone: nothing waits for it, and of values
 * that grow only the newest is reported.
 */
import { type KeptBytes, lineOf, type ShimMessage } from "../jobs/shim-messages.ts";

/** The part of a file's writer that is used. */
export interface Sink {
  write(text: string): unknown;
  /** Resolves when the reader has taken it. */
  flush(): unknown;
}

export class Reports {
  readonly #sink: Sink;
  #waiting: ShimMessage[] = [];
  readonly #grown = new Map<string, () => KeptBytes>();
  #writing = false;
  #gone = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  send(message: ShimMessage): void {
    if (this.#gone) return;
    // The end says how far it has grown.
    if (message.kind === "ended") this.#grown.delete(message.job);
    this.#waiting.push(message);
    void this.#write();
  }

  /** @param kept is asked when the report is written */
  grew(job: string, kept: () => KeptBytes): void {
    if (this.#gone) return;
    this.#grown.set(job, kept);
    void this.#write();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    // Everything that is reported in one go is one message.
    await Promise.resolve();
    try {
      for (let text = this.#taken(); text !== ""; text = this.#taken()) {
        this.#sink.write(text);
        await this.#sink.flush();
      }
    } catch {
      // There is no agent any more. The next one reads the folders.
      this.#gone = true;
      this.#taken();
    }
    this.#writing = false;
  }

  #taken(): string {
    const grown = [...this.#grown].map(([job, kept]) =>
      lineOf({ kind: "grew", job, kept: kept() }),
    );
    this.#grown.clear();
    const waiting = this.#waiting.map(lineOf);
    this.#waiting = [];
    return [...waiting, ...grown].join("");
  }
}
