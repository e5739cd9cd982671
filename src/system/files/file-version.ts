/** Whether a file has changed since the last look. */
import { type BigIntStats, statSync } from "node:fs";
import { systemCode } from "../../core/errors.ts";

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
  const young = Math.abs(Date.now() - Number(stats.ctimeMs)) < CLOCK_TICK_MS;
  const { dev, ino, mtimeNs, ctimeNs, size } = stats;
  return [dev, ino, mtimeNs, ctimeNs, size, young ? performance.now() : ""].join(":");
}
