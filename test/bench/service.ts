/** A program that goes on until the bench ends it, and says on its stdout when it is ready. */
import { benchEnvironment, type Command } from "./process.ts";

const START_MS = 60_000;

export class Service implements AsyncDisposable {
  readonly child: Bun.Subprocess<"ignore", "pipe", "ignore" | "pipe">;

  private constructor(command: Command, stderr: "ignore" | "pipe") {
    this.child = Bun.spawn([...command.argv], {
      stdin: "ignore",
      stdout: "pipe",
      stderr,
      env: benchEnvironment(command.env),
    });
  }

  /** @param ready what it prints when it serves; undefined when it prints nothing and `answers` tells */
  static async start(
    command: Command,
    ready: RegExp,
    on: "stdout" | "stderr" = "stdout",
  ): Promise<Service> {
    const service = new Service(command, on === "stderr" ? "pipe" : "ignore");
    const timer = setTimeout(() => service.child.kill("SIGKILL"), START_MS);
    try {
      await service.#sees(on === "stderr" ? service.child.stderr : service.child.stdout, ready);
      return service;
    } catch (thrown) {
      service.child.kill("SIGKILL");
      throw new Error(`cannot start ${command.argv.join(" ").slice(0, 200)}`, { cause: thrown });
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number {
    return this.child.pid;
  }

  async #sees(stream: ReadableStream<Uint8Array> | undefined, ready: RegExp): Promise<void> {
    if (stream === undefined) throw new Error("no stream");
    const seen = Promise.withResolvers<void>();
    const read = async () => {
      let text = "";
      let waiting = true;
      // Read on to the end, or a full pipe would stop the program.
      for await (const chunk of stream) {
        if (!waiting) continue;
        text += Buffer.from(chunk).toString("utf8");
        if (!ready.test(text)) continue;
        waiting = false;
        seen.resolve();
      }
      seen.reject(new Error(text.trim() === "" ? "it ended without a word" : text.trim()));
    };
    void read();
    await seen.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 3_000);
    await this.child.exited;
    clearTimeout(timer);
  }
}
