/**
 * A program as the first process of a container without an init: with its own process ids, mounts and root
 * folder, and neither /dev/log nor a service manager. The network is the host's. Any user may make one, and is
 * root in it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ProgramName, Running } from "./binary.ts";
import { ROOT } from "./documents.ts";
import type { TestFolder } from "./folder.ts";
import { until } from "./folder.ts";

/** The host's folders that it sees, besides the test's own. */
const SHOWN = ["/usr", "/bin", "/lib", "/lib64", "/etc", join(ROOT, "dist")];
const DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/** $1 becomes the root folder, $2 the test's own; the command follows. */
const SET_UP = [
  'root=$1; own=$2; shift 2; mount -t tmpfs none "$root"',
  'show() { mkdir -p "$root$1"; mount --rbind "$1" "$root$1"; }',
  `for folder in ${SHOWN.join(" ")} "$own"; do [ ! -e "$folder" ] || show "$folder"; done`,
  'mkdir -p "$root/proc" "$root/dev"; mount -t proc none "$root/proc"',
  `for device in ${DEVICES.join(" ")}; do touch "$root$device"; mount --bind "$device" "$root$device"; done`,
  'exec chroot "$root" "$@"',
].join("\n");

export class Contained implements AsyncDisposable {
  readonly running: Running;

  /** @param asRoot as the host's root, without a user namespace; only root may ask for that */
  constructor(folder: TestFolder, name: ProgramName, args: readonly string[], asRoot = false) {
    // Only the container sees the mount on it.
    const root = folder.join(".root");
    folder.write(".root/mounted-over", "");
    const startedBy = [
      ...["unshare", ...(asRoot ? [] : ["-Ur"]), "--pid", "--fork", "--kill-child", "--mount"],
      ...["sh", "-ec", SET_UP, "sh", root, folder.path],
    ];
    this.running = new Running(name, args, { startedBy });
  }

  /** Its process id outside; inside it is 1. */
  get pid(): number {
    const [pid = 0] = childrenOf(this.running.child.pid);
    return pid;
  }

  /** Process ids outside. */
  get children(): number[] {
    return childrenOf(this.pid);
  }

  /** Its children, theirs, and so on: process ids outside. */
  get descendants(): number[] {
    const found = this.children;
    for (const pid of found) found.push(...childrenOf(pid));
    return found;
  }

  /** As `docker kill` does. */
  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running.stop("SIGKILL");
  }
}

/** Process ids of its children: running, or zombies. */
export function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads
      .flatMap((id) => readFileSync(`/proc/${pid}/task/${id}/children`, "utf8").split(" "))
      .filter((child) => child !== "")
      .map(Number);
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

export async function untilAlone(container: Contained): Promise<void> {
  const states = () => container.children.map(stateOf).join(" ");
  await until(
    () => `its children are gone; they are ${states()}`,
    () => container.children.length === 0,
  );
}

/** Its name, which of a zombie ends with its state; `gone` once it is reaped. */
export function nameOf(pid: number): string {
  try {
    const [, name = "", state = ""] =
      /\((.*)\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return state === "Z" ? `${name} (zombie)` : name;
  } catch {
    return "gone";
  }
}

function stateOf(pid: number): string {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "?";
  } catch {
    return "gone";
  }
}
