/** How figures are written. */
import type { Summary } from "./statistics.ts";

/** Three digits that matter: 4.32, 43.2, 432, 4,320. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "?";
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** `43.2 ms (41.0 to 45.9)`: the median and the quartiles. */
export function withSpread({ median, low, high, runs }: Summary, unit: string): string {
  if (runs === 1) return `${number(median)} ${unit} (one run)`;
  return `${number(median)} ${unit} (${number(low)} to ${number(high)})`;
}

/** A figure beside what it is compared with. */
export function times(value: number, reference: number): string {
  return `${number(value / reference)} x`;
}

/** The same spread seen from the other side: seconds for N things become things per second. */
export function perSecond({ median, low, high, runs }: Summary, things: number): Summary {
  const rate = (ms: number) => (things * 1000) / ms;
  return { median: rate(median), low: rate(high), high: rate(low), runs };
}

export const MEBI = 2 ** 20;

export function mebi(bytes: number): string {
  return `${number(bytes / MEBI)} MiB`;
}
