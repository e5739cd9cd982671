/**
 * Something for which scripts wait until a test lets them go. They wait for a lock: a loop that looks for a file
 * starts a program each time it looks, and a hundred such loops leave a small machine no time for anything else.
 */
import type { Subprocess } from "bun";

/**
 * A shell waits so until the gate is open; then it goes on at once, now and later. By a descriptor, since flock would
 * start another program for a path.
 */
export const passes = (gate: string) => `flock --shared 9 9<${gate}`;

export class Gate implements Disposable {
  readonly #holder: Subprocess<"pipe", "pipe", "inherit">;

  private constructor(
    readonly path: string,
    holder: Subprocess<"pipe", "pipe", "inherit">,
  ) {
    this.#holder = holder;
  }

  /** @param path of a file, which is made */
  static async shut(path: string): Promise<Gate> {
    const holder = Bun.spawn(["flock", path, "sh", "-c", "echo shut; exec cat"], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const gate = new Gate(path, holder);
    await holder.stdout.getReader().read();
    return gate;
  }

  async open(): Promise<void> {
    await this.#holder.stdin.end();
    await this.#holder.exited;
  }

  [Symbol.dispose](): void {
    this.#holder.kill();
  }
}
