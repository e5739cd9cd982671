/** Questions to a person: the prompt on stderr, the answer from stdin, line by line. */
import { createInterface, type Interface } from "node:readline";
import type { Io } from "./io.ts";

/** Lines as they are typed; `undefined` means the end of the input. */
export class LineReader {
  readonly #interface: Interface;
  readonly #lines: string[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  constructor() {
    this.#interface = createInterface({ input: process.stdin, terminal: false });
    this.#interface.on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    this.#interface.once("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  async next(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this.#lines.shift();
  }

  /** Forgets the lines that were typed ahead. */
  drop(): void {
    this.#lines.length = 0;
  }

  close(): void {
    this.#interface.close();
  }
}

/**
 * Only an explicit yes counts; the end of the input means no.
 *
 * @param signal aborted when nobody needs the answer any more: what is shown next begins a line
 */
export async function askYesNo(io: Io, question: string, signal?: AbortSignal): Promise<boolean> {
  io.err(question);
  const lines = new LineReader();
  const stop = () => {
    io.err("\n");
    lines.close();
  };
  signal?.addEventListener("abort", stop, { once: true });
  const answer = await lines.next();
  signal?.removeEventListener("abort", stop);
  // The end of the input (Ctrl-D) ends no line.
  if (answer === undefined && signal?.aborted !== true) io.err("\n");
  lines.close();
  return /^y(es)?$/i.test(answer?.trim() ?? "");
}
