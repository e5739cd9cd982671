/** A cgroup (version 2) as systemd delegates one to a service: its user owns it. For root alone. */
import { dlopen } from "bun:ffi";
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

export class DelegatedCgroup implements Disposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @returns undefined where there are no cgroups of version 2, or none can be made */
  static make(uid: number): DelegatedCgroup | undefined {
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    const mount = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m.exec(mounts)?.[1];
    if (mount === undefined || process.getuid?.() !== 0) return undefined;
    const path = join(mount, `ctrl-exec-test-${crypto.randomUUID()}`);
    try {
      mkdirSync(path);
      for (const name of [".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]) {
        chownSync(join(path, name), uid, uid);
      }
      return new DelegatedCgroup(path);
    } catch {
      return undefined;
    }
  }

  /** An extended attribute: systemd says in one that it has delegated the cgroup. */
  set(attribute: string, value: string): void {
    const args = ["ptr", "ptr", "ptr", "u64", "i32"] as const;
    const { symbols } = dlopen("libc.so.6", { setxattr: { args, returns: "i32" } });
    const [path, name, text] = [this.path, attribute, value].map((one) => Buffer.from(`${one}\0`));
    const failed = symbols.setxattr(path ?? null, name ?? null, text ?? null, value.length, 0);
    if (failed !== 0) throw new Error(`${attribute} cannot be set`);
  }

  /** What a command line begins with to run in it. */
  get runner(): readonly string[] {
    return ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', this.path];
  }

  /** The same for the script of a job, in the job's own cgroup. */
  job(name: string): readonly string[] {
    const folder = join(this.path, `job-${name}`);
    mkdirSync(folder);
    for (const file of [".", "cgroup.procs", "cgroup.kill"]) {
      const { uid, gid } = statSync(this.path);
      chownSync(join(folder, file), uid, gid);
    }
    return ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', folder];
  }

  /** The cgroups of jobs. */
  get below(): string[] {
    return readdirSync(this.path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  }

  [Symbol.dispose](): void {
    for (const name of this.below) rmdirSync(join(this.path, name));
    writeFileSync(join(this.path, "cgroup.kill"), "1");
    for (let tries = 0; tries < 100; tries += 1) {
      try {
        rmdirSync(this.path);
        return;
      } catch {
        Bun.sleepSync(20);
      }
    }
  }
}
