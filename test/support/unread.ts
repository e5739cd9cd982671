/** A real pipe that nobody reads, until the test does. */
import { closeAll, openPipes } from "../../src/system/process/pipe.ts";

export class UnreadPipe implements Disposable {
  /** For the program. */
  readonly writeEnd: number;
  readonly #readEnd: number;
  #text = "";
  #open = true;

  constructor() {
    const [pipe] = openPipes(1);
    if (pipe === undefined) throw new Error("no pipe");
    this.writeEnd = pipe.writeEnd;
    this.#readEnd = pipe.readEnd;
  }

  /** What was read so far. */
  get text(): string {
    return this.#text;
  }

  /** Reads from now on; resolves with everything when the program has ended. */
  async read(): Promise<string> {
    this.#closeWriteEnd();
    const decoder = new TextDecoder();
    for await (const chunk of Bun.file(this.#readEnd).stream()) {
      this.#text += decoder.decode(chunk, { stream: true });
    }
    return this.#text;
  }

  #closeWriteEnd(): void {
    if (this.#open) closeAll(this.writeEnd);
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.#closeWriteEnd();
    closeAll(this.#readEnd);
  }
}
