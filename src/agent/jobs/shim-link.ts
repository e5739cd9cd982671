/** The agent's end of its shim. */
import { within } from "../../system/deadline.ts";
import { WITHOUT_HELPERS } from "../../system/process/helper-threads.ts";
import { keepOwn } from "../../system/process/orphans.ts";
import { identify, type ProcessId } from "../../system/process/process-id.ts";
import { lineOf, messagesIn, type ShimMessage, type StartMessage } from "./shim-messages.ts";

/** How the shim is started: this very binary, even if another one is now at its path. */
export interface ShimProgram {
  readonly file: string;
  readonly args: readonly string[];
}

/** The name that tells the binary that it is to be the shim. */
const CALLED_AS = "ctrl-exec-shim";

/** It starts within milliseconds, or not at all. */
const READY_MS = 10_000;

export interface ShimListener {
  told(message: ShimMessage): void;
  /** It has ended, and will report nothing more. */
  gone(shim: ProcessId): void;
}

export class ShimLink {
  readonly id: ProcessId;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "ignore">;
  readonly #listener: ShimListener;
  readonly #ready = Promise.withResolvers<void>();
  #ended = false;

  /** Resolves once it takes messages. @throws if it cannot be started: nothing has run */
  static async start(program: ShimProgram, listener: ShimListener): Promise<ShimLink> {
    const link = new ShimLink(program, listener);
    try {
      await within(READY_MS, link.#ready.promise, () => {
        throw new Error("it does not answer");
      });
      return link;
    } catch (thrown) {
      link.close();
      throw thrown;
    }
  }

  private constructor({ file, args }: ShimProgram, listener: ShimListener) {
    this.#listener = listener;
    this.#child = Bun.spawn([file, ...args], {
      argv0: CALLED_AS,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
      cwd: "/",
      env: { ...WITHOUT_HELPERS },
      // Nothing that ends the agent's session or process group ends the shim.
      detached: true,
    });
    keepOwn(this.#child);
    const id = identify(this.#child.pid);
    if (id === undefined) throw new Error("it has ended");
    this.id = id;
    void this.#listen();
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(message: StartMessage): void {
    this.#child.stdin.write(lineOf(message));
    this.#child.stdin.flush();
  }

  /** It ends when none of its jobs is running. */
  close(): void {
    this.#child.stdin.end();
  }

  async #listen(): Promise<void> {
    try {
      for await (const message of messagesIn<ShimMessage>(this.#child.stdout)) {
        if (message.kind === "ready") this.#ready.resolve();
        else this.#listener.told(message);
      }
    } catch (thrown) {
      this.#ready.reject(thrown);
    }
    this.#ended = true;
    await this.#child.exited;
    this.#ready.reject(new Error(`it has ended (${this.#child.signalCode ?? "at once"})`));
    this.#listener.gone(this.id);
  }
}
