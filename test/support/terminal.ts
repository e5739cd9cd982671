/** A program on a real pseudo-terminal. */
import { cleanEnvironment, type ProgramName, programPath } from "./binary.ts";
import { until } from "./folder.ts";

/** Printed behind everything the program printed: the terminal has no end of its own to wait for. */
const END_MARK = "\u001e";

export class TerminalSession {
  readonly #child: Bun.Subprocess;
  readonly #terminal: Bun.Terminal;
  readonly #decoder = new TextDecoder();
  #screen = "";

  /** @param program one of ours, or the path of a shell */
  constructor(
    program: ProgramName | `/${string}`,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    cols = 120,
  ) {
    this.#terminal = new Bun.Terminal({
      cols,
      rows: 40,
      data: (_, chunk) => {
        this.#screen += this.#decoder.decode(chunk, { stream: true });
      },
    });
    // As the terminal's session leader it is what Ctrl-C reaches, as in a login.
    const file = isOurs(program) ? programPath(program) : program;
    this.#child = Bun.spawn(["setsid", "-c", file, ...args], {
      terminal: this.#terminal,
      env: cleanEnvironment({ TERM: "xterm", ...env }),
    });
  }

  /** Everything printed so far. */
  get screen(): string {
    return this.#screen;
  }

  /** The same without the program's own colours. */
  get plain(): string {
    return [0, 1, 2, 31, 32, 33].reduce(
      (text, colour) => text.replaceAll(`\u001b[${colour}m`, ""),
      this.#screen,
    );
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Waits until the screen has the text; returns what matched. */
  async seen(pattern: RegExp): Promise<RegExpExecArray> {
    await until(
      () => `the screen shows ${pattern}; it shows:\n${this.#screen}`,
      () => pattern.test(this.#screen),
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

  /** Closes the terminal, as a window or a connection that goes; returns the signal that ended the program. */
  async hungUp(): Promise<Bun.Subprocess["signalCode"]> {
    this.#terminal.close();
    await this.#child.exited;
    return this.#child.signalCode;
  }

  /** The signal that ended it. */
  get signal(): Bun.Subprocess["signalCode"] {
    return this.#child.signalCode;
  }

  /** Ends it, if it has not ended. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Waits until nothing is printed any more, as after Ctrl-S. */
  async stoodStill(): Promise<void> {
    let seen = -1;
    let since = Date.now();
    await until("the screen stands still", () => {
      if (this.#screen.length !== seen) since = Date.now();
      seen = this.#screen.length;
      return Date.now() - since > 1_200;
    });
  }

  /** Waits for the end of the program, whatever it still had to print. */
  async exited(): Promise<number> {
    return await this.#child.exited;
  }

  /** Waits for the end of the program and for all that it printed. */
  async ended(): Promise<number> {
    const status = await this.#child.exited;
    Bun.spawn(["printf", "\\036"], { terminal: this.#terminal });
    await until("the terminal is read to its end", () => this.#screen.endsWith(END_MARK));
    this.#screen = this.#screen.slice(0, -END_MARK.length);
    this.#terminal.close();
    return status;
  }
}

function isOurs(program: string): program is ProgramName {
  return !program.startsWith("/");
}
