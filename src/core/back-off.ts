/**
 * How long to wait before a connection that was lost is dialled again. All that lose one peer lose it at the same
 * moment: each waits a random part of a span, so that ten thousand come back one after another.
 */

/** Spans in milliseconds, for the first attempt, the second and so on; the last one is for all further ones. */
const SPANS = [10_000, 20_000, 30_000] as const;
const LAST = SPANS[SPANS.length - 1] ?? 0;

/** A connection that stood for so long is taken for sound: the next loss begins from the first span again. */
export const SOUND_MS = 60_000;

/**
 * @param failed attempts since a connection was sound; 0 before the first
 * @param fraction random, from 0 up to, but not including, 1
 * @returns milliseconds; never none, so that a peer that hangs up at once is not dialled in a tight loop
 */
export function pauseBefore(failed: number, fraction: number): number {
  const span = SPANS[failed] ?? LAST;
  return Math.round(span * (0.05 + 0.95 * fraction));
}
