/** A copy of the checkout's files in a temporary folder, in which a source can be changed and tested. */
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A test that waits longer than this for what does not come is ended by Bun. */
const TEST_TIMEOUT_MS = 30_000;
/** A file of tests that takes longer than this hangs where no test's own limit reaches. */
const FILE_TIMEOUT_MS = 180_000;
const BUILD_TIMEOUT_MS = 180_000;
/** Fetched once and the same for every copy. */
const SHARED = ["node_modules", ".tools"];
/** Neither copied nor shared. */
const LEFT_OUT = [...SHARED, ".git", "dist", "coverage"];

export type Outcome = "passed" | "failed" | "hung";

export class Tree implements Disposable {
  readonly path: string;
  /** Ends what runs in it. */
  #end: (() => void) | undefined;
  #stopped = false;

  constructor(checkout: string) {
    this.path = mkdtempSync(join(tmpdir(), "ctrl-exec-mutate-"));
    // Some tests of root run a program of the tree as another user.
    chmodSync(this.path, 0o755);
    const leftOut = new Set(LEFT_OUT.map((name) => join(checkout, name)));
    // make must not take the copied manifest for a newer one, and install again.
    cpSync(checkout, this.path, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      filter: (path) => !leftOut.has(path),
    });
    for (const name of SHARED) symlinkSync(join(checkout, name), join(this.path, name));
  }

  /** @param file from the root of the tree */
  read(file: string): string {
    return readFileSync(join(this.path, file), "utf8");
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.path, file), text);
  }

  /** Runs one file of tests, up to the first test that fails. */
  async test(file: string): Promise<Outcome> {
    const limit = `--timeout=${TEST_TIMEOUT_MS}`;
    return await this.#run(
      [process.execPath, "test", "--bail", limit, `./${file}`],
      FILE_TIMEOUT_MS,
    );
  }

  async build(): Promise<Outcome> {
    return await this.#run(["make", "--no-print-directory", "build"], BUILD_TIMEOUT_MS);
  }

  /** Ends what runs, and runs nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#end?.();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  async #run(command: readonly string[], limitMs: number): Promise<Outcome> {
    if (this.#stopped) return "hung";
    const { MAKEFLAGS: _flags, MAKELEVEL: _level, MFLAGS: _mflags, ...env } = process.env;
    const child = Bun.spawn([...command], {
      cwd: this.path,
      env: { ...env, CI: "true" },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      // A group of its own, by which what the test has started can be ended.
      detached: true,
    });
    let hung = false;
    this.#end = () => {
      hung = true;
      child.kill("SIGKILL");
    };
    const limit = setTimeout(this.#end, limitMs);
    const status = await child.exited;
    this.#end = undefined;
    clearTimeout(limit);
    await endGroup(child.pid);
    if (hung) return "hung";
    return status === 0 ? "passed" : "failed";
  }
}

/** Ends what a test that failed has left running. A program that is asked ends its scripts as well. */
async function endGroup(leader: number): Promise<void> {
  for (let tries = 0; signalled(leader, tries < 40 ? "SIGTERM" : "SIGKILL"); tries += 1) {
    await Bun.sleep(50);
  }
}

/** @returns whether the group has anybody left */
function signalled(leader: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}
