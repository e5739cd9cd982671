/** Whether a file has changed since the last look. */
import { ptr } from "bun:ffi";
import { type BigIntStats, statSync } from "node:fs";
import { systemCode } from "../../core/errors.ts";
import { statxCall } from "../libc.ts";

/** Two writes within this time may leave the same timestamps. */
const CLOCK_TICK_MS = 50;

/**
 * Changes whenever the file is replaced or written; stays the same while there is no file. A file that cannot
 * be looked at counts as missing: whoever reads it next gets the error. A file so young that it may change
 * again with the same timestamps gets a new version at every look.
 */
export function fileVersion(path: string): string {
  let stats: BigIntStats;
  try {
    stats = statSync(path, { bigint: true });
  } catch (thrown) {
    return systemCode(thrown);
  }
  // Nobody can set the change time back, and a rename updates it.
  const young = isYoung(Number(stats.ctimeMs));
  const { dev, ino, mtimeNs, ctimeNs, size } = stats;
  return [dev, ino, mtimeNs, ctimeNs, size, young ? performance.now() : ""].join(":");
}

/** Where statx(2) writes what, which is the same on every processor. */
const STATX = { bytes: 256, mode: 28, inode: 32, blocks: 48, ctime: 96, end: 144 } as const;
const AT_FDCWD = -100;
const STATX_BASIC_STATS = 0x7ff;

/** With a NUL at its end; a longer path is looked at in the other way. */
const PATH_BYTES = 4096;

/** The same of thousands of files, in a third of the time. */
export class FileVersions {
  readonly #statx = statxCall();
  readonly #path = Buffer.alloc(PATH_BYTES);
  readonly #facts = Buffer.alloc(STATX.bytes);
  readonly #at = { path: ptr(this.#path), facts: ptr(this.#facts) };
  /** What the modes of all these files have in common. */
  narrowestMode = 0o7777;

  /**
   * Empty for a file that is missing, or so young that it may change again with the same timestamps: that is like no
   * other version.
   */
  of(path: string): string {
    if (this.#statx === undefined || path.length * 3 >= PATH_BYTES) return this.#plainly(path);
    this.#path[this.#path.write(path)] = 0;
    const { path: name, facts } = this.#at;
    if (this.#statx(AT_FDCWD, name, 0, STATX_BASIC_STATS, facts) !== 0) return "";
    this.narrowestMode &= this.#facts.readUInt16LE(STATX.mode);
    const seconds = Number(this.#facts.readBigInt64LE(STATX.ctime));
    const milliseconds = seconds * 1000 + this.#facts.readUInt32LE(STATX.ctime + 8) / 1e6;
    if (isYoung(milliseconds)) return "";
    // Inode and size; then both times and the device.
    const which = this.#facts.toString("base64", STATX.inode, STATX.blocks);
    return which + this.#facts.toString("base64", STATX.ctime, STATX.end);
  }

  #plainly(path: string): string {
    try {
      const { dev, ino, mode, mtimeNs, ctimeNs, ctimeMs, size } = statSync(path, { bigint: true });
      this.narrowestMode &= Number(mode);
      return isYoung(Number(ctimeMs)) ? "" : [dev, ino, mtimeNs, ctimeNs, size].join(":");
    } catch {
      return "";
    }
  }
}

function isYoung(changed: number): boolean {
  return Math.abs(Date.now() - changed) < CLOCK_TICK_MS;
}
