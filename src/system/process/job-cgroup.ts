/**
 * The cgroup of a job (cgroups(7), version 2), below the one that the service manager has delegated to the agent: no
 * process leaves it on its own, and the kernel kills everything in it at once, even another user's processes. It is
 * only for that: no controller is enabled in the agent's cgroup, because systemd could not start the agent in it
 * again then.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { linux } from "../libc.ts";
import { isRunning, type ProcessId } from "./process-id.ts";
import { readOf, readRunning } from "./process-table.ts";

const PREFIX = "job-";

/** The character. */
const ONE = 0x31;

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
      // It exists if the script could not be started at the first attempt.
      mkdirSync(join(folder, PREFIX + job), { recursive: true, mode: 0o755 });
      return new JobCgroup(join(folder, PREFIX + job));
    } catch {
      // The service's own cgroups are read-only (ProtectControlGroups=yes), or there are too many.
      return undefined;
    }
  }

  /** The cgroup of a job that may have been started by an earlier agent. */
  static find(job: string): JobCgroup | undefined {
    const folder = delegated();
    if (folder === undefined) return undefined;
    const cgroup = new JobCgroup(join(folder, PREFIX + job));
    return cgroup.#read() === undefined ? undefined : cgroup;
  }

  /**
   * Takes in a process that has just been started, and everything that it has started since. The kernel may take 20
   * ms for each: nobody waits for that, and what a script has started in its first moments is added afterwards.
   */
  async takeTree(root: ProcessId): Promise<void> {
    const found = [root];
    for (const id of found) {
      if (!(await this.take(id))) continue;
      const inside = new Set(this.pids());
      found.push(...childrenOf(id).filter(({ pid }) => !inside.has(pid)));
    }
  }

  /** What the process starts is in it from then on. Returns whether it was added. */
  async take(id: ProcessId): Promise<boolean> {
    if (!isRunning(id) || !(await enter(this.#folder, id.pid))) return false;
    if (isRunning(id)) return true;
    // It has ended. If its number now belongs to another process, that one was added: it belongs to the service
    // (T75).
    await enter(join(this.#folder, ".."), id.pid);
    return false;
  }

  pids(): number[] {
    return (this.#read() ?? "").split("\n").filter(Boolean).map(Number);
  }

  /** Before Linux 5.14 this file does not exist, and nothing happens. */
  kill(): void {
    try {
      writeFileSync(join(this.#folder, "cgroup.kill"), "1");
    } catch {
      // The processes in it are counted as left.
    }
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

/** The cgroups of jobs that have left something running, once that has ended too. */
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
    // The service manager gives it to the user of the service. Root has all of them, also those that are not its own
    // to divide.
    const owner = statSync(join(folder, "cgroup.procs")).uid;
    if (owner !== process.geteuid?.()) return undefined;
    return owner !== 0 || isSaidToBeDelegated(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** systemd says so in an attribute; since 251 also in one that can be read without CAP_SYS_ADMIN. */
function isSaidToBeDelegated(folder: string): boolean {
  const value = new Uint8Array(1);
  return ["user.delegate", "trusted.delegate"].some((name) => {
    const [path, attribute] = [folder, name].map((text) => Buffer.from(`${text}\0`));
    const length = linux().getxattr(path ?? null, attribute ?? null, value, 1n);
    return length === 1n && value[0] === ONE;
  });
}

async function enter(folder: string, pid: number): Promise<boolean> {
  try {
    await writeFile(join(folder, "cgroup.procs"), String(pid));
    return true;
  } catch {
    // It has ended, or it is not in the service's cgroup.
    return false;
  }
}

/** The children of its first thread; none if the kernel does not tell (CONFIG_PROC_CHILDREN). */
function childrenOf({ pid, boot }: ProcessId): ProcessId[] {
  const children = (readOf(pid, "children") ?? "").split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => {
    const facts = readRunning(child);
    return facts?.parent === pid ? [{ pid: child, start: facts.start, boot }] : [];
  });
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Something in it is still running.
  }
}
