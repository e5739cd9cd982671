/** The compiled binary, driven as a person would. */
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
export const BINARY = join(ROOT, "dist", "ctrl-exec");

export type ProgramName =
  | "ctrl-exec"
  | "ctrl-exec-agent"
  | "ctrl-exec-api"
  | "update-ctrl-exec-serial";

export function programPath(name: ProgramName): string {
  return join(ROOT, "dist", name);
}

export interface Finished {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** stdout, byte for byte. */
  readonly bytes: Uint8Array;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

/** Nothing of the caller's environment reaches the program but what a login gives. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}) {
  return {
    PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    HOME: "/",
    USER: "tester",
    ...extra,
  };
}

/** Runs a program to its end. */
export async function runProgram(
  name: ProgramName,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const child = Bun.spawn([programPath(name), ...args], {
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
    stdout: "pipe",
    stderr: "pipe",
    env: cleanEnvironment(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const [bytes, err, status] = await Promise.all([
    new Response(child.stdout).bytes(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out: new TextDecoder().decode(bytes), err, bytes };
}

/** A program that goes on, with its stderr read as it comes. */
export class Running {
  readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #err = "";
  #ended = false;
  readonly #waiters = new Set<() => void>();

  constructor(name: ProgramName, args: readonly string[], options: RunOptions = {}) {
    this.child = Bun.spawn([programPath(name), ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: cleanEnvironment(options.env),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    void this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stderr) {
      this.#err += decoder.decode(chunk, { stream: true });
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }

  get err(): string {
    return this.#err;
  }

  /** Waits until stderr has a match. Fails when the program ends without one. */
  async seen(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#err);
      if (match !== null) return match;
      if (this.#ended) throw new Error(`ended without ${pattern}:\n${this.#err}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      await promise;
      this.#waiters.delete(resolve);
    }
  }

  /** Ends it and returns its exit status. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
    this.child.kill(signal);
    return await this.child.exited;
  }
}
