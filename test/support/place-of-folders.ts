/**
 * Where tests make their folders: in memory, if there is room. Whatever the programs store is flushed to the disk,
 * which costs milliseconds each time, and seconds while another test writes a copy of the program there.
 */
import { chmodSync, mkdtempSync, readFileSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endAllOf } from "./processes.ts";

const IN_MEMORY = "/dev/shm";

/** For several copies of the program and its runtime at once, of 120 MB each. */
const ROOM = 4 * 2 ** 30;

export class PlaceOfFolders implements Disposable {
  readonly path: string;

  constructor() {
    // Who has said where temporary folders go knows why.
    const inMemory = process.env.TMPDIR === undefined && hasRoom();
    this.path = mkdtempSync(join(inMemory ? IN_MEMORY : tmpdir(), "ctrl-exec-tests-"));
    // Some programs run as other users.
    chmodSync(this.path, 0o1777);
  }

  [Symbol.dispose](): void {
    endAllOf(this.path);
    // What a test has left may still be written to.
    Bun.spawnSync(["rm", "-rf", this.path]);
  }
}

function hasRoom(): boolean {
  try {
    const mounts = readFileSync("/proc/mounts", "utf8");
    const options = /^\S+ \/dev\/shm tmpfs (\S+)/m.exec(mounts)?.[1]?.split(",") ?? [];
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    const free = Math.min(bavail * bsize, process.availableMemory());
    return options.includes("rw") && !options.includes("noexec") && free >= ROOM;
  } catch {
    // No Linux.
    return false;
  }
}
