/** A process that runs store-program.ts. */
import { join } from "node:path";
import type { StoreUnderTest } from "./store-under-test.ts";

export class StoreProcess implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #output: AsyncIterator<Uint8Array>;
  #text = "";

  constructor({ opener }: StoreUnderTest, ...verb: readonly string[]) {
    const program = join(import.meta.dir, "store-program.ts");
    this.#child = Bun.spawn([process.execPath, program, ...opener, ...verb], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#output = this.#child.stdout[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it says before it waits. */
  async says(): Promise<unknown> {
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#output.next();
      if (done) throw new Error("the other process has ended without a word");
      this.#text += Buffer.from(value).toString("utf8");
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line);
  }

  goOn(): void {
    this.#child.stdin.write("\n");
    this.#child.stdin.flush();
  }

  /** Throws when it has failed. */
  async ended(): Promise<void> {
    const status = await this.#child.exited;
    if (status !== 0) throw new Error(`the other process has ended with ${status}`);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
