/** Whether a file has changed since it was looked at. */
import { type BigIntStats, statSync } from "node:fs";
import { systemCode } from "../../core/errors.ts";

/** Two writes closer together than this may leave the same times. */
const CLOCK_TICK_MS = 50;

/**
 * Changes whenever the file is replaced or written; the same text for as long as there is none. A
 * file that cannot be looked at counts as none: whoever reads it next gets the error. A file so young
 * that it may change again within its times is another one at every look.
 */
export function fileVersion(path: string): string {
  let stats: BigIntStats | undefined;
  try {
    stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (thrown) {
    return systemCode(thrown);
  }
  if (stats === undefined) return "-";
  // The time of change cannot be set back, and a rename sets it.
  const young = Date.now() - Number(stats.ctimeMs) < CLOCK_TICK_MS;
  const { dev, ino, mtimeNs, ctimeNs, size } = stats;
  return [dev, ino, mtimeNs, ctimeNs, size, young ? performance.now() : ""].join(":");
}
