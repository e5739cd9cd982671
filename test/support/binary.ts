/** The compiled binary, driven as a person would. */
import { join } from "node:path";
import type { ProgramName } from "../../src/multicall.ts";
import { WITHOUT_HELPERS } from "../../src/system/process/helper-threads.ts";

export type { ProgramName };

const ROOT = join(import.meta.dir, "..", "..");
export const BINARY = join(ROOT, "dist", "ctrl-exec");

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
  /** The name it is called by, as `exec -a` sets it. */
  readonly argv0?: string;
  /**
   * It writes no file beyond this many blocks of the shell's `ulimit -f`, not even as root: like a full disk.
   */
  readonly blocks?: number;
  /** It may open this many files at once: `ulimit -n`. */
  readonly files?: number;
  /** It runs as this user; only for root. */
  readonly user?: number | undefined;
  /** A command that starts it: it changes what is inherited, and executes the command appended to it. */
  readonly startedBy?: readonly string[];
  /** It gets no inotify instance, in its own user namespace, so that no other program is affected. */
  readonly withoutInotify?: boolean;
  /**
   * It has its own network, set up by these commands (network.ts), and its own mounts, in a user namespace too.
   */
  readonly network?: readonly string[] | undefined;
}

/** The beginning of a command that runs as another user; only for root. */
export function asUser(user: number): string[] {
  return ["setpriv", `--reuid=${user}`, "--clear-groups"];
}

function limited(
  command: readonly string[],
  { blocks, files, user, startedBy = [], withoutInotify, network = [] }: RunOptions,
): string[] {
  const as = [...startedBy, ...(user === undefined ? [] : asUser(user))];
  const limits: string[] = [...network];
  if (withoutInotify) limits.push("echo 0 > /proc/sys/user/max_inotify_instances");
  // A write beyond the limit fails; without the trap it would end the process.
  if (blocks !== undefined) limits.push("trap '' XFSZ", `ulimit -f ${blocks}`);
  if (files !== undefined) limits.push(`ulimit -n ${files}`);
  if (limits.length === 0) return [...as, ...command];
  const shell = ["sh", "-ec", [...limits, 'exec "$@"'].join("; "), "sh", ...as, ...command];
  if (network.length > 0) return ["unshare", "-Urnm", ...shell];
  return withoutInotify ? ["unshare", "-Ur", ...shell] : shell;
}

/** Only what a login provides reaches the program, nothing else of the caller's environment. */
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
  return await runCommand([programPath(name), ...args], options);
}

/** The same for any command: a shell with a pipeline, openssl. */
export async function runCommand(
  command: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const { input, cwd, argv0 } = options;
  const child = Bun.spawn(limited(command, options), {
    stdin: input === undefined ? "ignore" : new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
    env: cleanEnvironment(options.env),
    ...(cwd === undefined ? {} : { cwd }),
    ...(argv0 === undefined ? {} : { argv0 }),
  });
  const [bytes, err, status] = await Promise.all([
    new Response(child.stdout).bytes(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out: new TextDecoder().decode(bytes), err, bytes };
}

/** What a stream has delivered so far. */
class Watched {
  text = "";
  #ended = false;
  readonly #waiters = new Set<() => void>();

  async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true });
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }

  async seen(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      if (this.#ended) throw new Error(`ended without ${pattern}:\n${this.text}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      await promise;
      this.#waiters.delete(resolve);
    }
  }
}

/** A running program, with its stdout and stderr read as they arrive. */
export class Running {
  readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #out = new Watched();
  readonly #err = new Watched();
  readonly #read: Promise<unknown>;

  constructor(name: ProgramName, args: readonly string[], options: RunOptions = {}) {
    this.child = Bun.spawn(limited([programPath(name), ...args], options), {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: cleanEnvironment(options.env),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#read = Promise.all([
      this.#out.read(this.child.stdout),
      this.#err.read(this.child.stderr),
    ]);
  }

  get out(): string {
    return this.#out.text;
  }

  get err(): string {
    return this.#err.text;
  }

  /**
   * A service, given the environment with which it would start itself once more: that costs half of its start.
   * Whoever starts it in a way of their own sees both starts.
   */
  static service(name: ProgramName, args: readonly string[], options: RunOptions = {}): Running {
    const { env = {}, ...others } = options;
    const own = Object.keys(env).length + Object.keys(others).length > 0;
    return new Running(name, args, own ? options : { env: WITHOUT_HELPERS });
  }

  /** Waits until stderr has a match. Fails if the program ends without one. */
  async seen(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.#err.seen(pattern);
  }

  /** The same for stdout. */
  async outSeen(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.#out.seen(pattern);
  }

  /** Waits for its end and for all of its output; returns its exit status. */
  async ended(): Promise<number> {
    const status = await this.child.exited;
    await this.#read;
    return status;
  }

  /** Ends it and returns its exit status. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
    this.child.kill(signal);
    return await this.child.exited;
  }
}
