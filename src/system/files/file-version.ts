/** Whether a file has changed since it was last checked. */
import { type QuickStats, quickStats } from "./quick-stats.ts";

/** Two writes within this time may leave the same timestamps. */
const CLOCK_TICK_MS = 50;

/**
 * Changes whenever the file is replaced or written; stays the same while there is no file. A file that cannot be
 * inspected counts as missing: the next reader gets the error. A file so young that it may change again with the same
 * timestamps gets a new version at every check.
 */
export function fileVersion(path: string): string {
  const stats = quickStats(path);
  if (typeof stats === "number") return `errno ${stats}`;
  return isYoung(stats) ? `young ${performance.now()}` : `${numberOf(stats)}`;
}

/** For thousands of files. */
export class FileVersions {
  /** What the modes of all these files have in common. */
  narrowestMode = 0o7777;

  /**
   * 0 for a file that is missing, or so young that it may change again with the same timestamps: that is equal to no
   * other version.
   */
  of(path: string): number {
    const stats = quickStats(path);
    if (typeof stats === "number") return 0;
    this.narrowestMode &= stats.mode;
    return isYoung(stats) ? 0 : numberOf(stats);
  }
}

/** Nobody can set the change time back, and a rename updates it. */
function isYoung({ ctimeMs }: QuickStats): boolean {
  return Math.abs(Date.now() - ctimeMs) < CLOCK_TICK_MS;
}

const numbers = new Float64Array(5);
const bytes = Buffer.from(numbers.buffer);

/** 52 bits of a hash: for thousands of files it takes less space, and time, than what it stands for. Never 0. */
function numberOf({ dev, ino, mtimeMs, ctimeMs, size }: QuickStats): number {
  numbers[0] = dev;
  numbers[1] = ino;
  // A double holds the time to a quarter of a microsecond, which is less than a tick of the kernel's clock.
  numbers[2] = mtimeMs;
  numbers[3] = ctimeMs;
  numbers[4] = size;
  return Bun.hash.xxHash32(bytes) * 2 ** 20 + (Bun.hash.xxHash32(bytes, 1) >>> 12) || 1;
}
