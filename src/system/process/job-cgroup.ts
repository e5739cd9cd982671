/**
 * The cgroup of a job (cgroups(7), version 2), below the one that the service manager delegated to the agent: no
 * process leaves it on its own, and the kernel kills all in it at once, also another user's. It is for that
 * alone: no controller is enabled in the agent's, since systemd could not start the agent in it again then.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, type ProcessId } from "./process-id.ts";

const PREFIX = "job-";

export class JobCgroup {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns undefined when none is delegated to this process */
  static make(job: string): JobCgroup | undefined {
    const folder = delegated();
    if (folder === undefined) return undefined;
    try {
      mkdirSync(join(folder, PREFIX + job), { mode: 0o755 });
      return new JobCgroup(join(folder, PREFIX + job));
    } catch {
      // The service's own are read-only (ProtectControlGroups=yes), or there are too many.
      return undefined;
    }
  }

  /** That of a job that may have been started by an earlier agent. */
  static find(job: string): JobCgroup | undefined {
    const folder = delegated();
    if (folder === undefined) return undefined;
    const cgroup = new JobCgroup(join(folder, PREFIX + job));
    return cgroup.#read() === undefined ? undefined : cgroup;
  }

  /**
   * What it starts is in it from then on. Takes 0.1 ms, and now and then 20. Only for a child of this process that
   * has not been reaped: otherwise its number may be another's.
   *
   * @returns whether it was done
   */
  add(pid: number): boolean {
    return write(join(this.#folder, "cgroup.procs"), String(pid));
  }

  /** The same for any process of the service. */
  take(id: ProcessId): boolean {
    if (!this.add(id.pid)) return false;
    if (isRunning(id)) return true;
    // It ended meanwhile. If its number is another's by now, that one was taken: it belongs to the service (T75).
    write(join(this.#folder, "../cgroup.procs"), String(id.pid));
    return false;
  }

  pids(): number[] {
    return (this.#read() ?? "").split("\n").filter(Boolean).map(Number);
  }

  /** Before Linux 5.14 there is no such file, and nothing happens. */
  kill(): void {
    write(join(this.#folder, "cgroup.kill"), "1");
  }

  /** As soon as nothing is in it. */
  remove(): void {
    removeEmpty(this.#folder);
  }

  #read(): string | undefined {
    try {
      return readFileSync(join(this.#folder, "cgroup.procs"), "latin1");
    } catch {
      return undefined;
    }
  }
}

/** Those of jobs that have left something running, once that has ended too. */
export function removeEmptyCgroups(): void {
  const folder = delegated();
  if (folder === undefined) return;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(PREFIX)) removeEmpty(join(folder, name));
  }
}

let known: { readonly folder: string | undefined } | undefined;

/** The folder of the cgroup that this process was started in, if it was delegated to its user (systemd.exec(5)). */
function delegated(): string | undefined {
  known ??= { folder: process.platform === "linux" ? findDelegated() : undefined };
  return known.folder;
}

function findDelegated(): string | undefined {
  try {
    const path = /^0::(\/.+)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    const mount = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m.exec(mounts)?.[1];
    if (path === undefined || mount === undefined) return undefined;
    const folder = join(mount, path);
    // The service manager gives it to the user of the service. Root may end every process without it.
    const owner = statSync(join(folder, "cgroup.procs")).uid;
    return owner !== 0 && owner === process.geteuid?.() ? folder : undefined;
  } catch {
    return undefined;
  }
}

function write(file: string, text: string): boolean {
  try {
    writeFileSync(file, text);
    return true;
  } catch {
    return false;
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Something in it still runs.
  }
}
