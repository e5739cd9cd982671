/** A program on a real pseudo-terminal. */
import { cleanEnvironment, type ProgramName, programPath } from "./binary.ts";
import { until } from "./folder.ts";

export class TerminalSession {
  readonly #child: Bun.Subprocess;
  readonly #terminal: Bun.Terminal;
  #screen = "";

  constructor(
    name: ProgramName,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#terminal = new Bun.Terminal({
      cols: 120,
      rows: 40,
      data: (_, chunk) => {
        this.#screen += new TextDecoder().decode(chunk);
      },
    });
    this.#child = Bun.spawn([programPath(name), ...args], {
      terminal: this.#terminal,
      env: cleanEnvironment({ TERM: "xterm", ...env }),
    });
  }

  /** Everything printed so far. */
  get screen(): string {
    return this.#screen;
  }

  /** Waits until the screen has the text; returns what matched. */
  async seen(pattern: RegExp): Promise<RegExpExecArray> {
    await until(`the screen shows ${pattern}; it shows:\n${this.#screen}`, () =>
      pattern.test(this.#screen),
    );
    return pattern.exec(this.#screen) as RegExpExecArray;
  }

  /** Forgets what was printed, so that the next `seen` waits for something new. */
  clear(): void {
    this.#screen = "";
  }

  type(text: string): void {
    this.#terminal.write(text);
  }

  /** Waits for the end of the program. */
  async ended(): Promise<number> {
    const status = await this.#child.exited;
    this.#terminal.close();
    return status;
  }
}
