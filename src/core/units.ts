/** Small notations used in configuration values. */

/** `limit/window/block`: more than `limit` events in `window` seconds block for `block` seconds. */
export interface RateLimit {
  readonly limit: number;
  /** Seconds. */
  readonly window: number;
  /** Seconds. */
  readonly block: number;
}

export function parseRateLimit(text: string): RateLimit | undefined {
  const match = /^(\d{1,9})\/(\d{1,9})\/(\d{1,9})$/.exec(text.trim());
  if (match === null) return undefined;
  const [limit = 0, window = 0, block = 0] = match.slice(1).map(Number);
  return limit > 0 && window > 0 && block > 0 ? { limit, window, block } : undefined;
}

const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes from `4096`, `512K`, `64M` or `1G`; undefined for anything else, or more than 1 TiB. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,13})\s*(?:([KMG])i?)?B?$/i.exec(text.trim());
  const unit = SIZE_UNITS[(match?.[2] ?? "").toUpperCase()];
  if (match === null || unit === undefined) return undefined;
  const bytes = Number(match[1]) * unit;
  return bytes > 0 && bytes <= 2 ** 40 ? bytes : undefined;
}

/** A size for people: `1.5 MiB`, `312 bytes`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = -1;
  // Something that would be shown as 1024.0 is 1 of the next unit.
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1).replace(/\.0$/, "")} ${units[unit]}`;
}
